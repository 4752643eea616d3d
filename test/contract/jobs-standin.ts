/** A stand-in for the bot's job API and for both providers' endpoints, and a repository to work on. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import { JobResult } from '../../schema/wire/result.ts';

export type Provider = 'openai' | 'anthropic';

/** What the scripted model answers to one request. */
export interface Reply {
  text?: string;
  calls?: { name: string; args: unknown }[];
  /** Argument text sent as it is, for malformed JSON. */
  rawCalls?: { name: string; json: string }[];
  stop?: 'max_tokens' | 'refusal';
  /** Ends the connection after this many bytes of the stream. */
  cutAt?: number;
  /** Ends the answer in good order after this many bytes, as a proxy may do. */
  endAt?: number;
  /** Answers with this status and body instead of a stream. */
  status?: number;
  body?: unknown;
  /** Sends the headers, then nothing. */
  hang?: boolean;
}

/** The fields of a model request that tests look at, of either provider. */
export interface ModelBody {
  instructions?: string;
  system?: unknown;
  tools?: { name: string; strict?: boolean; parameters?: { required: string[] } }[];
  input?: Record<string, unknown>[];
  messages?: Record<string, unknown>[];
  [field: string]: unknown;
}

export interface Standin {
  url: string;
  /** What the claim answers with; nothing else opens the way for a result. */
  token: string;
  /** Bodies of the model requests, in order, each with its headers. */
  requests: { path: string; auth: string; body: ModelBody; at: number }[];
  results: JobResult[];
  heartbeats: { turn: number; doing: string }[];
  /** Answers of the next heartbeats. */
  nextHeartbeat: { status?: number; cancel?: boolean; messages?: string[] }[];
  plan: { status: number; body: string }[];
  resultStatus: number[];
  claims: { auth: string; attempt: number }[];
  claimStatus: number;
  /** What was asked of threads, and with which token. */
  threads: { auth: string; body: unknown }[];
  threadStatus: number;
  close(): Promise<void>;
}

/** What tools tell a supervisor, where none listens. */
export const NOBODY = {
  onFinding: (): 'kept' => 'kept',
  readThread: async (): Promise<{ ok: boolean; text: string }> => ({ ok: false, text: 'No bot.' }),
};
/** A repository that says nothing to those who work on it. */
export const NO_GUIDES = { documents: [], altered: [] };

export const ATTEMPT_TOKEN = 'attempt-token-0123456789abcdef';

export function makeSpec(provider: Provider, more: Partial<TaskSpec['limits']> = {}): TaskSpec {
  return {
    version: 1,
    attempt: 7,
    task: { id: 3, type: 'implement_feature', agent: 'builder' },
    project: { path: 'group/app', defaultBranch: 'main' },
    baseSha: '0'.repeat(40),
    defaultSha: '',
    instructions: 'You are the builder.',
    input: 'Add a farewell to greet.js.',
    models: [{ provider, model: provider === 'openai' ? 'gpt-test' : 'claude-test' }],
    tools: ['read_file', 'list', 'search', 'edit_file', 'run_command', 'finish'],
    report: 'none',
    reports: [],
    engine: 'builtin',
    whenMissing: 'builtin',
    isolation: { sandbox: 'auto', network: 'gateway' },
    limits: {
      turns: 20,
      minutes: 2,
      commandSeconds: 10,
      toolResultBytes: 20_000,
      maxOutputTokens: 4_000,
      ...more,
    },
  };
}

export async function startStandin(
  spec: TaskSpec,
  script: (n: number, body: ModelBody) => Reply,
): Promise<Standin> {
  const state = {
    token: ATTEMPT_TOKEN,
    requests: [],
    results: [],
    heartbeats: [],
    nextHeartbeat: [],
    plan: [],
    resultStatus: [],
    claims: [],
    claimStatus: 200,
    threads: [],
    threadStatus: 200,
  } as unknown as Standin;
  const server = createServer((req, res) => {
    void route(req, res).catch((error: unknown) => res.destroy(error as Error));
  });
  const json = (res: ServerResponse, status: number, body: unknown): void => {
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const route = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const auth = req.headers.authorization ?? '';
    const text = await read(req);
    const body = text === '' ? {} : JSON.parse(text);
    const error = { error: { code: 'no', message: 'not yours', fix: 'Do something else' } };
    switch (req.url) {
      case '/api/job/plan': {
        const next = state.plan.shift() ?? {
          status: 200,
          body: 'autodev-run:\n  script: [true]\n',
        };
        res.writeHead(next.status, { 'content-type': 'text/yaml' }).end(next.body);
        return;
      }
      case '/api/job/claim':
        state.claims.push({ auth, attempt: body.attempt });
        if (state.claimStatus !== 200) return json(res, state.claimStatus, error);
        return json(res, 200, {
          token: state.token,
          heartbeatSeconds: 0.1,
          gateway: `${state.url}/gateway`,
          spec,
        });
      case '/api/job/heartbeat': {
        state.heartbeats.push(body);
        const next = state.nextHeartbeat.shift() ?? {};
        if (next.status) return json(res, next.status, error);
        return json(res, 200, { cancel: next.cancel ?? false, messages: next.messages ?? [] });
      }
      case '/api/job/thread':
        state.threads.push({ auth, body });
        if (state.threadStatus !== 200) return json(res, state.threadStatus, error);
        return json(res, 200, { text: 'Issue #7, opened', page: 1, pages: 1 });
      case '/api/job/result': {
        if (auth !== `Bearer ${state.token}`) return json(res, 401, error);
        const status = state.resultStatus.shift() ?? 200;
        if (status !== 200) return json(res, status, error);
        state.results.push(JobResult.parse(body));
        return json(res, 200, {});
      }
      case '/gateway/openai/v1/responses':
      case '/gateway/anthropic/v1/messages': {
        state.requests.push({ path: req.url, auth, body, at: Date.now() });
        const reply = script(state.requests.length - 1, body);
        return answer(res, reply, req.url.includes('openai') ? 'openai' : 'anthropic');
      }
      default:
        return json(res, 404, error);
    }
  };
  const answer = (res: ServerResponse, reply: Reply, provider: Provider): void => {
    if (reply.status) return json(res, reply.status, reply.body ?? {});
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    res.flushHeaders();
    if (reply.hang) return;
    const stream = provider === 'openai' ? openaiStream(reply) : anthropicStream(reply);
    if (reply.endAt !== undefined)
      return void res.end(Buffer.from(stream).subarray(0, reply.endAt));
    if (reply.cutAt === undefined) return void res.end(stream);
    res.write(Buffer.from(stream).subarray(0, reply.cutAt), () => res.destroy());
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  state.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return state;
}

async function read(req: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  return Buffer.concat(parts).toString('utf8');
}

function callsOf(reply: Reply): { name: string; json: string; id: string }[] {
  const typed = (reply.calls ?? []).map(({ name, args }) => ({ name, json: JSON.stringify(args) }));
  return [...typed, ...(reply.rawCalls ?? [])].map((call, i) => ({
    ...call,
    id: `call_${i}_${Math.abs(hash(call.json + call.name))}`,
  }));
}

function hash(text: string): number {
  return [...text].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) | 0, 7);
}

function halves(text: string): [string, string] {
  const mid = Math.ceil(text.length / 2);
  return [text.slice(0, mid), text.slice(mid)];
}

export function openaiStream(reply: Reply): string {
  let n = 0;
  const events: string[] = [];
  const emit = (type: string, more: object): void => {
    events.push(
      `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: n++, ...more })}\n\n`,
    );
  };
  const response = {
    id: 'resp_1',
    object: 'response',
    status: 'in_progress',
    output: [] as object[],
  };
  emit('response.created', { response });
  const add = (item: object): void => {
    emit('response.output_item.added', { output_index: response.output.length, item });
    emit('response.output_item.done', { output_index: response.output.length, item });
    response.output.push(item);
  };
  if (reply.text !== undefined) {
    for (const delta of halves(reply.text)) {
      const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
      emit('response.output_text.delta', { ...at, delta });
    }
    const part = { type: 'output_text', text: reply.text, annotations: [] };
    const refusal = { type: 'refusal', refusal: reply.text };
    const content = [reply.stop === 'refusal' ? refusal : part];
    add({ type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content });
  }
  for (const { name, json, id } of callsOf(reply)) {
    for (const delta of halves(json)) {
      emit('response.function_call_arguments.delta', {
        item_id: `fc_${id}`,
        output_index: 0,
        delta,
      });
    }
    const status = 'completed';
    add({ type: 'function_call', id: `fc_${id}`, call_id: id, name, arguments: json, status });
  }
  const usage = { input_tokens: 10, output_tokens: 5, total_tokens: 15 };
  if (reply.stop === 'max_tokens') {
    const incomplete_details = { reason: 'max_output_tokens' };
    emit('response.incomplete', {
      response: { ...response, status: 'incomplete', incomplete_details, usage },
    });
  } else emit('response.completed', { response: { ...response, status: 'completed', usage } });
  return events.join('');
}

export function anthropicStream(reply: Reply): string {
  const events: string[] = [];
  const emit = (type: string, more: object): void => {
    events.push(`event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`);
  };
  const usage = { input_tokens: 10, output_tokens: 1 };
  const message = { id: 'm', type: 'message', role: 'assistant', model: 'x', content: [], usage };
  emit('message_start', { message });
  let index = 0;
  const block = (start: object, deltas: object[]): void => {
    emit('content_block_start', { index, content_block: start });
    for (const delta of deltas) emit('content_block_delta', { index, delta });
    emit('content_block_stop', { index });
    index += 1;
  };
  if (reply.text !== undefined) {
    const deltas = halves(reply.text).map((text) => ({ type: 'text_delta', text }));
    block({ type: 'text', text: '' }, deltas);
  }
  for (const { name, json, id } of callsOf(reply)) {
    const deltas = halves(json).map((part) => ({ type: 'input_json_delta', partial_json: part }));
    block({ type: 'tool_use', id, name, input: {} }, deltas);
  }
  const stop = reply.stop ?? (index > (reply.text === undefined ? 0 : 1) ? 'tool_use' : 'end_turn');
  emit('message_delta', { delta: { stop_reason: stop, stop_sequence: null }, usage });
  emit('message_stop', {});
  return events.join('');
}

/** A repository as a runner checks it out: one commit, a remote with the job token in its URL. */
export function makeRepository(files: Record<string, string>, jobToken: string): string {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'autodev-test-')));
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: dir,
      stdio: ['ignore', 'pipe', 'ignore'],
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '', HOME: dir, GIT_CONFIG_GLOBAL: '/dev/null' },
    });
  git('init', '-q', '-b', 'main');
  git('config', 'user.name', 'T');
  git('config', 'user.email', 't@example.com');
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), content, { mode: name.endsWith('.sh') ? 0o755 : 0o644 });
  }
  git('add', '-A', '-f');
  git('commit', '-q', '-m', 'first');
  git(
    'remote',
    'add',
    'origin',
    `https://gitlab-ci-token:${jobToken}@gitlab.example.com/g/app.git`,
  );
  git('config', 'http.https://gitlab.example.com.extraheader', `AUTHORIZATION: basic ${jobToken}`);
  return dir;
}

export function headOf(repo: string): string {
  return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: repo, encoding: 'utf8' }).trim();
}

export function removeTree(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
}

/** An unsigned id token with the given audience. */
export function idToken(aud: string): string {
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'RS256' })}.${part({ aud, iss: 'x' })}.c2lnbmF0dXJl`;
}

export interface Program {
  child: ChildProcess;
  done: Promise<{ code: number | null; out: string; err: string }>;
  out: () => string;
}

/** Starts `autodev-job` from its sources (or another entry) with exactly this environment. */
export function startProgram(
  args: string[],
  env: Record<string, string>,
  entry = 'jobs/main.ts',
): Program {
  const child = spawn(process.execPath, [entry, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  const done = new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, out, err }));
  });
  return { child, done, out: () => out };
}

/** Waits until `ready` is true; fails after `ms`. */
export async function until(ready: () => boolean, what: string, ms = 10_000): Promise<void> {
  const end = Date.now() + ms;
  while (!ready()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
