/** A GitLab that answers as the test says, for what a well-behaved one never does. */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createGitLabForge } from '../../../../bot/forge/gitlab/client.ts';
import type { GitLabForgeOptions } from '../../../../bot/forge/gitlab/client.ts';
import type { Forge, Webhooks } from '../../../../bot/forge/forge.ts';
import type { ForgeCall } from '../../../../bot/forge/gitlab/requester.ts';

export const TOKEN = 'glpat-s3cr3t/with+signs';

export interface SeenRequest {
  method: string;
  /** Percent-encoded path below `/api/v4`. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  body: unknown;
}

export type ScriptedReply =
  | { status?: number; json?: unknown; text?: string; headers?: Record<string, string> }
  /** Reads the request, then breaks the connection. */
  | 'drop'
  /** Reads the request and never answers. */
  | 'hang'
  /** Sends a success status and half a body, then breaks the connection. */
  | 'half';

export interface ScriptedGitLab {
  url: string;
  seen: SeenRequest[];
  /** HTTP calls as the driver counted them. */
  calls: ForgeCall[];
  /** Waits the driver made, milliseconds; they take no time. */
  naps: number[];
  forge: Forge;
  close(): Promise<void>;
}

/** Answers by a list, one after the other (the last one repeats), or by a function. */
export async function startScriptedGitLab(
  script: ScriptedReply[] | ((request: SeenRequest) => ScriptedReply),
  options: Partial<GitLabForgeOptions> = {},
): Promise<ScriptedGitLab> {
  const seen: SeenRequest[] = [];
  const server = createServer((request, response) => {
    void readRequest(request).then((one) => {
      seen.push(one);
      const reply =
        typeof script === 'function'
          ? script(one)
          : (script[Math.min(seen.length, script.length) - 1] as ScriptedReply);
      send(reply, request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const calls: ForgeCall[] = [];
  const naps: number[] = [];
  let skipped = 0;
  const forge = createGitLabForge({
    url,
    token: TOKEN,
    webhooks: {} as Webhooks,
    timeoutMs: 5_000,
    random: () => 0.5,
    clock: {
      now: () => Date.now() + skipped,
      sleep: async (ms) => {
        naps.push(ms);
        skipped += ms;
      },
    },
    onCall: (call) => calls.push(call),
    ...options,
  });
  return {
    url,
    seen,
    calls,
    naps,
    forge,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readRequest(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const [path = '', query = ''] = (request.url ?? '').split('?');
  return {
    method: request.method ?? '',
    path: path.replace(/^.*?\/api\/v4/, ''),
    query: new URLSearchParams(query),
    headers: request.headers,
    body: text === '' ? undefined : JSON.parse(text),
  };
}

function send(reply: ScriptedReply, request: IncomingMessage, response: ServerResponse): void {
  if (reply === 'hang') return;
  if (reply === 'drop') {
    request.socket.destroy();
    return;
  }
  if (reply === 'half') {
    response.writeHead(201, { 'content-type': 'application/json', 'content-length': '100' });
    response.write('{"id": 1', () => request.socket.destroy());
    return;
  }
  const body = reply.text ?? (reply.json === undefined ? '' : JSON.stringify(reply.json));
  response.writeHead(reply.status ?? 200, {
    'content-type': reply.text === undefined ? 'application/json' : 'text/html',
    ...reply.headers,
  });
  response.end(body);
}
