/**
 * Git over smart HTTP: `upload-pack` and `receive-pack` on the real bare repositories. Tokens come as
 * the password of Basic authentication; job tokens may read only (gitlab-facts §4.1).
 */
import { spawn } from 'node:child_process';
import { createGunzip } from 'node:zlib';
import type { Readable } from 'node:stream';
import type { Request, Response } from 'express';
import type { Instance, RefChange } from '../instance.ts';
import { byJobToken, byToken, type Caller } from '../rest/auth.ts';
import { ApiFailure } from '../rest/reply.ts';
import { canChangeBranch, canReadCode, levelOf } from '../services/access.ts';
import { findProject } from '../state/state.ts';
import { ACCESS, ZERO_SHA } from '../state/access-levels.ts';
import type { Project } from '../state/types.ts';
import { allRefs } from './read.ts';
import { gitEnv } from './run.ts';

const SERVICES = ['git-upload-pack', 'git-receive-pack'] as const;
type Service = (typeof SERVICES)[number];
/** Most bytes of one push. */
const MAX_PUSH = 512 * 1024 * 1024;

/** `/<project path>.git/…`, or null for any other address. */
export function parseGitPath(path: string): { project: string; rest: string } | null {
  const match = /^\/(.+?)\.git\/(info\/refs|git-upload-pack|git-receive-pack)$/.exec(path);
  return match ? { project: match[1] ?? '', rest: match[2] ?? '' } : null;
}

/** Serves one git request; answers 401 when credentials are needed, as git expects. */
export async function serveGit(
  gl: Instance,
  request: Request,
  response: Response,
  target: { project: string; rest: string },
): Promise<void> {
  const advertise = target.rest === 'info/refs';
  const name = advertise ? String(request.query['service'] ?? '') : target.rest;
  const service = SERVICES.find((known) => known === name);
  const right = request.method === (advertise ? 'GET' : 'POST');
  if (!service || !right) {
    response.status(403).type('text/plain').send('Only smart HTTP is served.\n');
    return;
  }
  const access = authorise(gl, request, target.project, service);
  if ('status' in access) {
    if (access.status === 401) response.set('WWW-Authenticate', 'Basic realm="GitLab"');
    response.status(access.status).type('text/plain').send(`${access.why}\n`);
    return;
  }
  response.set('Cache-Control', 'no-cache');
  const kind = advertise ? 'advertisement' : 'result';
  response.set('Content-Type', `application/x-${service}-${kind}`);
  if (advertise) {
    const line = `# service=${service}\n`;
    response.write(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`);
    await pipeGit(access.project, service, request, response, null, {});
  } else if (service === 'git-upload-pack') {
    await pipeGit(access.project, service, request, response, bodyOf(request), {});
  } else {
    await receive(gl, access.project, access.caller, request, response);
  }
}

type Access = { project: Project; caller: Caller | null } | { status: number; why: string };

function authorise(gl: Instance, request: Request, path: string, service: Service): Access {
  let caller: Caller | null = null;
  try {
    caller = credentials(gl, request);
  } catch (error) {
    if (error instanceof ApiFailure) return { status: 401, why: 'HTTP Basic: Access denied' };
    throw error;
  }
  const project = findProject(gl.state, path);
  const user = caller?.user ?? null;
  if (!project || !canReadCode(project, user)) {
    return caller
      ? { status: 404, why: 'The project you were looking for could not be found.' }
      : { status: 401, why: 'HTTP Basic: Access denied' };
  }
  const write = service === 'git-receive-pack';
  if (caller?.job && caller.job.projectId !== project.id && project.visibility !== 'public') {
    return { status: 404, why: 'The project you were looking for could not be found.' };
  }
  if (write && !caller) return { status: 401, why: 'HTTP Basic: Access denied' };
  if (write && (caller?.job || project.archived || levelOf(project, user) < ACCESS.developer)) {
    return { status: 403, why: 'You are not allowed to push code to this project.' };
  }
  const scopes = caller?.token?.scopes;
  const enough = write
    ? ['api', 'write_repository']
    : ['api', 'read_api', 'read_repository', 'write_repository'];
  if (scopes && !scopes.some((scope) => enough.includes(scope))) {
    return { status: 403, why: 'Your token has no scope for this.' };
  }
  return { project, caller };
}

/** The password is the token; `gitlab-ci-token` marks a job token. */
function credentials(gl: Instance, request: Request): Caller | null {
  const basic = /^Basic\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (basic === undefined) return null;
  const text = Buffer.from(basic, 'base64').toString('utf8');
  const user = text.slice(0, text.indexOf(':'));
  const secret = text.slice(text.indexOf(':') + 1);
  return user === 'gitlab-ci-token' ? byJobToken(gl, secret) : byToken(gl, secret);
}

function bodyOf(request: Request): Readable {
  return request.headers['content-encoding'] === 'gzip' ? request.pipe(createGunzip()) : request;
}

/** A push: reads the wanted refs, lets git decide, then follows what really changed. */
async function receive(
  gl: Instance,
  project: Project,
  caller: Caller | null,
  request: Request,
  response: Response,
): Promise<void> {
  const user = caller?.user;
  if (!user) throw new Error('A push without a user got past the check.');
  const pack = await readAll(bodyOf(request));
  const wanted = parseCommands(pack);
  const refused = wanted.find(({ ref, after }) => {
    const branch = /^refs\/heads\/(.+)$/.exec(ref)?.[1];
    const removal = after === ZERO_SHA && branch === project.defaultBranch;
    return branch !== undefined && (removal || !canChangeBranch(project, user, branch, 'push'));
  });
  const why = refused
    ? 'You are not allowed to push code to protected branches on this project.'
    : '';
  const before = await allRefs(project.gitDir);
  // The client hears the end only when the push is followed up, as with GitLab's post-receive.
  await pipeGit(
    project,
    'git-receive-pack',
    request,
    response,
    pack,
    { SANDBOX_REFUSE: why },
    async () => {
      const after = await allRefs(project.gitDir);
      const changes: RefChange[] = wanted
        .map(({ ref }) => ({
          ref,
          before: before.get(ref) ?? ZERO_SHA,
          after: after.get(ref) ?? ZERO_SHA,
        }))
        .filter((change) => change.before !== change.after);
      if (changes.length > 0) await gl.workers.afterPush(project, user, changes);
    },
  );
}

/** The ref updates at the head of a push, in pkt-line format: `<old> <new> <ref>\0<capabilities>`. */
export function parseCommands(pack: Buffer): RefChange[] {
  const changes: RefChange[] = [];
  for (let at = 0; at + 4 <= pack.length;) {
    const length = Number.parseInt(pack.toString('latin1', at, at + 4), 16);
    if (!Number.isFinite(length) || length < 4) break;
    const line = pack.toString('utf8', at + 4, at + length).split('\0')[0] ?? '';
    const match = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) (\S+)\n?$/.exec(line);
    if (match) changes.push({ before: match[1] ?? '', after: match[2] ?? '', ref: match[3] ?? '' });
    at += length;
  }
  return changes;
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size > MAX_PUSH) throw new Error('The push is larger than the sandbox takes.');
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Runs git's own service; resolves when the answer is complete. `input` null: advertise refs. */
function pipeGit(
  project: Project,
  service: Service,
  request: Request,
  response: Response,
  input: Readable | Buffer | null,
  env: Record<string, string>,
  beforeEnd: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const mode = input === null ? ['--stateless-rpc', '--advertise-refs'] : ['--stateless-rpc'];
  const protocol = request.headers['git-protocol'];
  const child = spawn('git', [service.slice('git-'.length), ...mode, project.gitDir], {
    env: gitEnv({ ...env, ...(typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}) }),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  response.on('close', () => child.kill());
  if (input === null) child.stdin.end();
  else if (Buffer.isBuffer(input)) child.stdin.end(input);
  else input.pipe(child.stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.stdout.on('data', (chunk: Buffer) => response.write(chunk));
    child.on('close', () => {
      beforeEnd()
        .finally(() => response.end())
        .then(resolve, reject);
    });
  });
}
