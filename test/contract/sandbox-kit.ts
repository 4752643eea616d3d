/** What the contract tests of the sandbox share: a server, people, a client and a hook receiver. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SandboxOptions } from '../../sandbox/gitlab/instance.ts';
import { startSandboxGitLab, type SandboxGitLab } from '../../sandbox/gitlab/server.ts';
import { HOOK_EVENTS } from '../../sandbox/gitlab/state/hook-types.ts';
import type { Project, User } from '../../sandbox/gitlab/state/types.ts';

export interface Answer {
  status: number;
  headers: Headers;
  // The answers are checked by the tests that read them.
  body: Json;
}
export type Json = ReturnType<typeof JSON.parse>;

export type Client = (method: string, path: string, body?: unknown) => Promise<Answer>;

export interface Received {
  headers: IncomingHttpHeaders;
  raw: string;
  body: Json;
}

export interface Kit {
  gitlab: SandboxGitLab;
  /** `acme/app`: dana Maintainer, sam Developer, gus Guest; olga is no member. */
  project: Project;
  people: Record<'dana' | 'sam' | 'gus' | 'olga' | 'bot', User>;
  /** A client with a new `api` token of the user. */
  as(user: User, scopes?: string[]): Client;
  anonymous: Client;
  /** Waits for what is under way, stops, and throws when the sandbox itself failed. */
  close(): Promise<void>;
}

export const FILES = {
  'README.md': '# app\n',
  'src/index.js': 'export const one = 1;\n',
  'run.sh': '#!/bin/sh\necho run\n',
};

export async function startKit(
  options: Partial<SandboxOptions> & { files?: Record<string, string> } = {},
): Promise<Kit> {
  const { files = FILES, ...rest } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'autodev-kit-'));
  const gitlab = await startSandboxGitLab({ dataDir, ...rest });
  const { api } = gitlab;
  const people = {
    dana: api.createUser({ username: 'dana', name: 'Dana' }),
    sam: api.createUser({ username: 'sam', name: 'Sam' }),
    gus: api.createUser({ username: 'gus', name: 'Gus' }),
    olga: api.createUser({ username: 'olga', name: 'Olga' }),
    bot: api.createUser({ username: 'project_101_bot', name: 'AutoDev', bot: true }),
  };
  const project = await api.createProject({ path: 'acme/app', files });
  api.addMember(project, people.dana, 40);
  api.addMember(project, people.sam, 30);
  api.addMember(project, people.gus, 10);
  api.addMember(project, people.bot, 40);
  return {
    gitlab,
    project,
    people,
    as: (user, scopes = ['api']) =>
      client(gitlab.url, { 'PRIVATE-TOKEN': api.createToken(user, { scopes }).value }),
    anonymous: client(gitlab.url, {}),
    async close() {
      await gitlab.hooksIdle();
      await gitlab.close();
      await rm(dataDir, { recursive: true, force: true });
      const [first] = gitlab.problems;
      if (first) throw new Error(`The sandbox failed at ${first.name}.`, { cause: first.error });
    },
  };
}

export function client(url: string, headers: Record<string, string>): Client {
  return async (method, path, body) => {
    const response = await fetch(`${url}/api/v4${path}`, {
      method,
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const json = response.headers.get('content-type')?.includes('json');
    return {
      status: response.status,
      headers: response.headers,
      body: json && text !== '' ? JSON.parse(text) : text,
    };
  };
}

/** A receiver of hooks that keeps what came; `answer` decides the status of each. */
export async function startReceiver(answer: (received: Received) => number = () => 200) {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const raw = Buffer.concat(chunks).toString('utf8');
      const one = { headers: request.headers, raw, body: JSON.parse(raw) as Json };
      received.push(one);
      response.writeHead(answer(one)).end('ok');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    /** Hooks of one kind, by `X-Gitlab-Event`. */
    of: (event: string) => received.filter((one) => one.headers['x-gitlab-event'] === event),
    clear: () => {
      received.length = 0;
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** All switches of a hook on. */
export const ALL_EVENTS = Object.fromEntries(HOOK_EVENTS.map((event) => [event, true]));
