/**
 * Drives the system's Chromium by the DevTools protocol over a pipe. No port is opened, so neither a page nor a
 * command of the agent can reach the browser's controls.
 */
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { killTree } from '../../process-group.ts';

/** Longest wait for the answer to one command. */
const ANSWER_MS = 15_000;
/** Bytes of one message; a screenshot is the largest. */
const MESSAGE_BYTES = 32 * 1024 * 1024;

export interface DevTools {
  /** Sends a command to a session ('' for the browser itself). @throws Error with the browser's own words */
  send(method: string, params?: object, session?: string): Promise<Record<string, unknown>>;
  on(event: (method: string, params: Record<string, unknown>, session: string) => void): void;
  close(): Promise<void>;
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  result?: Record<string, unknown>;
  error?: { message?: string };
  sessionId?: string;
}

interface Waiting {
  resolve: (result: Record<string, unknown>) => void;
  reject: (error: Error) => void;
}

/**
 * What every start has. Whatever is not on this machine goes to a proxy that is not there, web sockets and
 * peer connections included. Chromium's own sandbox needs namespaces, which an isolated agent may not make;
 * the ones it stands in already take its place.
 */
const ARGS = [
  ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  ...['--remote-debugging-pipe', '--no-first-run', '--no-default-browser-check', '--mute-audio'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
  ...['--disable-extensions', '--disable-breakpad', '--disable-crash-reporter', '--no-zygote'],
  ...['--proxy-server=http://127.0.0.1:9', '--proxy-bypass-list=127.0.0.1;localhost;[::1]'],
  '--force-webrtc-ip-handling-policy=disable_non_proxied_udp',
];

/** Starts the browser with a profile of its own. */
export async function startDevTools(
  program: string,
  options: { profile: string; env: Record<string, string>; signal: AbortSignal },
): Promise<DevTools> {
  const child = spawn(program, [...ARGS, `--user-data-dir=${options.profile}`, 'about:blank'], {
    env: options.env,
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
  });
  const waiting = new Map<number, Waiting>();
  const listeners: Parameters<DevTools['on']>[0][] = [];
  const fail = (why: string): void => {
    for (const { reject } of waiting.values()) reject(new Error(why));
    waiting.clear();
  };
  child.once('error', (error) => fail(`the browser could not be started: ${error.message}`));
  child.once('exit', () => fail('the browser ended'));
  const commands = child.stdio[3] as Writable;
  const messages = child.stdio[4] as unknown as Readable;
  commands.on('error', () => undefined);
  messages.on('error', () => undefined);
  messages.on(
    'data',
    splitter((text) => {
      const message = JSON.parse(text) as Message;
      const answer = message.id === undefined ? undefined : waiting.get(message.id);
      if (message.id !== undefined) waiting.delete(message.id);
      if (message.error !== undefined)
        answer?.reject(new Error(message.error.message ?? 'refused'));
      else answer?.resolve(message.result ?? {});
      const { method, params = {}, sessionId = '' } = message;
      if (method !== undefined) for (const take of listeners) take(method, params, sessionId);
    }),
  );
  const close = async (): Promise<void> => {
    if (child.pid) await killTree(child.pid);
  };
  options.signal.addEventListener('abort', () => void close(), { once: true });
  let id = 0;
  return {
    on: (take) => void listeners.push(take),
    close,
    send: (method, params = {}, session = '') => {
      id += 1;
      const own = id;
      const asked = new Promise<Record<string, unknown>>((resolve, reject) => {
        waiting.set(own, { resolve, reject });
        if (child.exitCode !== null || child.signalCode !== null) fail('the browser ended');
      });
      const sessionId = session === '' ? {} : { sessionId: session };
      commands.write(`${JSON.stringify({ id: own, method, params, ...sessionId })}\0`);
      return within(asked, ANSWER_MS, `${method} was not answered`);
    },
  };
}

/** Cuts the stream at its NUL bytes. */
function splitter(take: (text: string) => void): (part: Buffer) => void {
  let pending: Buffer[] = [];
  let bytes = 0;
  return (part) => {
    let rest = part;
    for (let end = rest.indexOf(0); end !== -1; end = rest.indexOf(0)) {
      const text = Buffer.concat([...pending, rest.subarray(0, end)]).toString('utf8');
      pending = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
      if (text.length <= MESSAGE_BYTES) take(text);
    }
    bytes += rest.length;
    if (bytes > MESSAGE_BYTES) pending = [];
    else if (rest.length > 0) pending.push(rest);
  };
}

async function within<T>(work: Promise<T>, ms: number, why: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(why)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
