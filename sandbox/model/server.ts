/**
 * A model provider for tests and the demo: speaks OpenAI Responses, OpenAI Chat Completions and
 * Anthropic Messages, streaming or not, and answers what a script says. Faults on demand.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseConversation } from './parse.ts';
import { renderChat } from './render-chat.ts';
import { renderMessages } from './render-messages.ts';
import { renderResponses } from './render-responses.ts';
import { conversationKey, TokenCounter } from './tokens.ts';
import type { Answer, Api, Conversation, Fault, ModelCall, Rendered, Script } from './types.ts';
import type { RenderInput } from './types.ts';
import { sendAnswer, sendFault } from './send.ts';

/** Large enough for any test; a request beyond it is answered 413. */
const BODY_LIMIT_BYTES = 64 * 1024 * 1024;

export interface ModelServerOptions {
  /** Default 0: any free port of 127.0.0.1. */
  port?: number;
  /** Asked in order; the first that matches answers. */
  scripts: Script[];
  /** Keys a client must present; other keys are answered 401. */
  keys?: { openai: string; anthropic: string };
  /** Milliseconds since 1970, for the `created` fields. */
  clock?: () => number;
}

export interface ModelServer {
  /** Base URL for the Anthropic SDK; the OpenAI SDK takes `<url>/v1`. */
  url: string;
  keys: { openai: string; anthropic: string };
  /** Every request to a model route that came so far, refused ones included; grows while the server runs. */
  requests: ModelCall[];
  /** The next `times` authorised model requests suffer this fault, before any script is asked. */
  fail(fault: Fault, times?: number): void;
  close(): Promise<void>;
}

const ROUTES: Record<string, Api> = {
  '/v1/responses': 'responses',
  '/v1/chat/completions': 'chat',
  '/v1/messages': 'messages',
};
const RENDERERS: Record<Api, (input: RenderInput) => Rendered> = {
  responses: renderResponses,
  chat: renderChat,
  messages: renderMessages,
};

interface State {
  scripts: Script[];
  keys: { openai: string; anthropic: string };
  clock: () => number;
  requests: ModelCall[];
  faults: Fault[];
  counter: TokenCounter;
  /** How often a turn of a conversation was asked for: key and turn → count. */
  asked: Map<string, number>;
  serial: number;
}

function presentedKey(req: IncomingMessage): string {
  const bearer = /^Bearer (.+)$/i.exec(req.headers.authorization ?? '')?.[1];
  return bearer ?? String(req.headers['x-api-key'] ?? '');
}

/** An error body as the provider of this route would write it. */
function errorBody(api: Api, type: string, message: string): unknown {
  return api === 'messages'
    ? { type: 'error', error: { type, message } }
    : { error: { message, type, param: null, code: null } };
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { 'content-type': 'application/json' });
  res.end(JSON.stringify(body));
}

async function readBody(req: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req) {
    size += (chunk as Buffer).length;
    if (size > BODY_LIMIT_BYTES) return null;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

/** The fault of an answer, unless it has hit this turn often enough already. */
function faultOf(state: State, conversation: Conversation, answer: Answer): Fault | undefined {
  const key = `${conversationKey(conversation)} ${conversation.turn}`;
  const asked = (state.asked.get(key) ?? 0) + 1;
  state.asked.set(key, asked);
  return asked <= (answer.faultTimes ?? Infinity) ? answer.fault : undefined;
}

async function answerCall(state: State, call: ModelCall, res: ServerResponse): Promise<void> {
  const { conversation } = call;
  if (conversation === null) return;
  const { api } = conversation;
  const queued = state.faults.shift();
  const script = state.scripts.find((candidate) => candidate.matches(conversation));
  if (script === undefined && queued === undefined) {
    sendJson(res, 400, errorBody(api, 'invalid_request_error', 'No script matches this request.'));
    return;
  }
  call.script = script?.name ?? null;
  let answer: Answer;
  try {
    answer = (await script?.answer(conversation, conversation.turn)) ?? {};
  } catch (error) {
    sendJson(res, 400, errorBody(api, 'invalid_request_error', (error as Error).message));
    return;
  }
  const fault = queued ?? faultOf(state, conversation, answer);
  if (fault !== undefined && sendFault(res, fault, errorBody(api, 'api_error', 'On demand.'))) {
    return;
  }
  const marked = call.bodyText.includes('"cache_control"');
  call.usage = state.counter.count(conversation, answer, marked);
  const body = call.body as { stream_options?: { include_usage?: boolean } };
  const rendered = RENDERERS[api]({
    conversation,
    answer,
    usage: call.usage,
    serial: ++state.serial,
    created: Math.floor(state.clock() / 1000),
    includeUsage: body.stream_options?.include_usage === true,
  });
  await sendAnswer(res, conversation, answer, rendered, fault);
}

async function handle(state: State, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const path = new URL(req.url ?? '/', 'http://localhost').pathname;
  const isModels = path === '/v1/models' && req.method === 'GET';
  const api: Api | undefined = isModels ? 'responses' : ROUTES[path];
  if (api === undefined || (!isModels && req.method !== 'POST')) {
    sendJson(res, 404, errorBody('responses', 'not_found_error', `No route ${path}.`));
    return;
  }
  const bodyText = await readBody(req);
  const headers = req.headers as Record<string, string>;
  const call: ModelCall = {
    path,
    headers: { ...headers },
    body: parseJson(bodyText ?? ''),
    bodyText: bodyText ?? '',
    conversation: null,
    script: null,
    status: 0,
    aborted: false,
    complete: false,
    usage: null,
  };
  if (!isModels) state.requests.push(call);
  res.on('close', () => {
    call.status = res.headersSent ? res.statusCode : 0;
    call.complete = res.writableFinished;
    call.aborted = !res.writableFinished && !res.errored;
  });
  const key = presentedKey(req);
  const known = isModels
    ? Object.values(state.keys).includes(key)
    : key === state.keys[api === 'messages' ? 'anthropic' : 'openai'];
  if (!known) {
    sendJson(res, 401, errorBody(api, 'authentication_error', `Incorrect API key: ${key}`));
  } else if (isModels) {
    const data = [{ id: 'scripted', object: 'model', type: 'model', created: 0, owned_by: 'x' }];
    sendJson(res, 200, { object: 'list', data, has_more: false });
  } else if (call.body === null || bodyText === null) {
    const status = bodyText === null ? 413 : 400;
    sendJson(res, status, errorBody(api, 'invalid_request_error', 'The body is not JSON.'));
  } else {
    call.conversation = parseConversation(api, call.body);
    await answerCall(state, call, res);
  }
}

/** Starts the server on 127.0.0.1. */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const state: State = {
    scripts: options.scripts,
    keys: options.keys ?? { openai: 'sk-sandbox-openai', anthropic: 'sk-ant-sandbox' },
    clock: options.clock ?? Date.now,
    requests: [],
    faults: [],
    counter: new TokenCounter(),
    asked: new Map(),
    serial: 0,
  };
  const server = createServer((req, res) => {
    handle(state, req, res).catch(() => res.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    keys: state.keys,
    requests: state.requests,
    fail(fault, times = 1) {
      for (let i = 0; i < times; i++) state.faults.push(fault);
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
