/** A GitLab that answers at once, or after a given time, what starting a pipeline needs. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const PROJECT = { id: 7, path: 'bench/app', branch: 'main' };
const SHA = 'a'.repeat(40);

export interface Call {
  what: string;
  /** Milliseconds of performance.now(). */
  from: number;
  to: number;
}

export interface StubGitLab {
  url: string;
  calls: Call[];
  /** How long every answer takes, in milliseconds. */
  latencyMs: number;
  close(): Promise<void>;
}

export async function startStubGitLab(): Promise<StubGitLab> {
  let id = 1_000;
  const server = createServer((request, response) => {
    const call: Call = { what: describe(request), from: performance.now(), to: Infinity };
    stub.calls.push(call);
    request.resume();
    request.once('end', () => {
      void sleep(stub.latencyMs).then(() => {
        const answer = answerTo(request, (id += 1));
        response.writeHead(answer.status, { 'content-type': 'application/json' });
        response.end(JSON.stringify(answer.body));
        call.to = performance.now();
      });
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stub: StubGitLab = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: [],
    latencyMs: 0,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return stub;
}

function describe(request: IncomingMessage): string {
  const path = (request.url ?? '').replace(/\?.*$/, '').replace('/api/v4/', '');
  return `${request.method} ${path.replaceAll(/\/\d+/g, '/:id')}`;
}

const NOW = '2026-01-12T10:00:00.000Z';

function answerTo(request: IncomingMessage, id: number): { status: number; body: unknown } {
  const path = new URL(request.url ?? '', 'http://stub').pathname.replace('/api/v4', '');
  const iid = Number(/\/issues\/(\d+)/.exec(path)?.[1] ?? 0);
  const user = { id: 42, username: 'autodev', name: 'AutoDev', state: 'active' };
  const ok = (body: unknown) => ({ status: request.method === 'POST' ? 201 : 200, body });
  const note = { id, body: '', author: user, created_at: NOW, updated_at: NOW, system: false };
  const pipeline = { id, project_id: PROJECT.id, status: 'created', ref: 'main', sha: SHA };
  if (path === '/user') return ok(user);
  if (/\/members\/all\/\d+$/.test(path)) return ok({ id, access_level: 30, state: 'active' });
  if (/\/repository\/branches\//.test(path))
    return ok({ name: 'main', commit: { id: SHA, message: 'm' } });
  if (path.endsWith('/notes')) return ok(request.method === 'POST' ? note : []);
  if (/\/notes\/\d+$/.test(path)) return ok(note);
  if (/\/award_emoji/.test(path))
    return ok(request.method === 'POST' ? { id, name: 'eyes', user } : []);
  if (path.endsWith('/pipeline'))
    return ok({ ...pipeline, source: 'api', web_url: 'http://stub/p', created_at: NOW });
  if (/\/pipelines\/\d+$/.test(path))
    return ok({ ...pipeline, source: 'api', web_url: 'http://stub/p' });
  if (/\/issues\/\d+$/.test(path)) {
    return ok({
      ...{ id, iid, title: 'Add --json', description: 'Print JSON.', state: 'opened', labels: [] },
      ...{ author: { id: 5 }, web_url: `http://stub/i/${iid}`, updated_at: NOW },
    });
  }
  if (/^\/projects\/\d+$/.test(path)) {
    return ok({
      ...{ id: PROJECT.id, path_with_namespace: PROJECT.path, default_branch: PROJECT.branch },
      ...{ web_url: `http://stub/${PROJECT.path}`, archived: false, visibility: 'private' },
    });
  }
  return { status: 404, body: { message: '404 Not Found' } };
}
