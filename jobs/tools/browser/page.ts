/** One page: opened, acted on by selectors, read as an outline, photographed. */
import { realpath } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { DevTools } from './devtools.ts';

/** Size of the picture, and of the window. */
const WIDTH = 1280;
const HEIGHT = 800;
/** Longest wait for a page to load or a selector to appear. */
export const WAIT_MS = 5_000;
const POLL_MS = 50;
/** Lines of the outline, and errors of the page, that reach the model. */
const OUTLINE_LINES = 200;
const ERRORS = 10;
const NAME_CHARS = 200;

export interface Page {
  goto(url: string): Promise<void>;
  /** Waits for the selector, then clicks the middle of its element. */
  click(selector: string): Promise<void>;
  /** Waits for the selector, then types over what its field holds. */
  type(selector: string, text: string): Promise<void>;
  /** Waits for the selector. */
  wait(selector: string): Promise<void>;
  /** Title, address, what the page complained about, and its accessibility tree. */
  outline(): Promise<string>;
  /** PNG, base64. */
  picture(): Promise<string>;
}

/** Opens a page that may load from this machine's loopback and from files below `root`, and nothing else. */
export async function openPage(browser: DevTools, root: string): Promise<Page> {
  const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
  const attached = await browser.send('Target.attachToTarget', { targetId, flatten: true });
  const session = String(attached['sessionId']);
  const send = (method: string, params: object = {}): Promise<Record<string, unknown>> =>
    browser.send(method, params, session);
  const errors: string[] = [];
  browser.on((method, params, from) => {
    if (from !== session) return;
    if (method === 'Fetch.requestPaused') void decide(params);
    const said = complaint(method, params);
    if (said !== null && errors.length < ERRORS) errors.push(said);
  });
  const decide = async (params: Record<string, unknown>): Promise<void> => {
    const { requestId, request } = params as { requestId: string; request: { url: string } };
    const verdict = (await isAllowed(request.url, root)) ? 'continueRequest' : 'failRequest';
    if (verdict === 'failRequest') errors.push(`not loaded: ${request.url.slice(0, NAME_CHARS)}`);
    const more = verdict === 'failRequest' ? { errorReason: 'BlockedByClient' } : {};
    await send(`Fetch.${verdict}`, { requestId, ...more }).catch(() => undefined);
  };
  const size = { width: WIDTH, height: HEIGHT, deviceScaleFactor: 1, mobile: false };
  await Promise.all([
    send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }),
    send('Page.enable'),
    send('Runtime.enable'),
    send('Log.enable'),
    send('Emulation.setDeviceMetricsOverride', size),
  ]);
  return { ...actions(send), outline: () => outline(send, errors) };
}

type Send = (method: string, params?: object) => Promise<Record<string, unknown>>;

/** Loopback by http or https, files below the repository, and what a page makes itself. */
export async function isAllowed(url: string, root: string): Promise<boolean> {
  const parsed = URL.parse(url);
  if (parsed === null) return false;
  switch (parsed.protocol) {
    case 'http:':
    case 'https:':
      return ['localhost', '127.0.0.1', '[::1]'].includes(parsed.hostname);
    case 'file:':
      return parsed.host === '' && isBelow(fileURLToPath(parsed), root);
    default:
      return ['about:', 'data:', 'blob:'].includes(parsed.protocol);
  }
}

/** Links are followed first: one that leads out of the repository is no file of it. */
async function isBelow(file: string, root: string): Promise<boolean> {
  const real = await realpath(file).catch(() => '');
  return real.startsWith(`${root}/`);
}

function actions(send: Send): Omit<Page, 'outline'> {
  const evaluate = async (expression: string): Promise<unknown> => {
    const answer = await send('Runtime.evaluate', { expression, returnByValue: true });
    const { result, exceptionDetails } = answer as {
      result?: { value?: unknown };
      exceptionDetails?: { exception?: { description?: string } };
    };
    if (exceptionDetails === undefined) return result?.value;
    throw new Error(exceptionDetails.exception?.description?.split('\n')[0] ?? 'the page failed');
  };
  const until = async (expression: string, why: string): Promise<void> => {
    const late = Date.now() + WAIT_MS;
    while ((await evaluate(expression)) !== true) {
      if (Date.now() > late) throw new Error(why);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  };
  const find = (selector: string): string => `document.querySelector(${JSON.stringify(selector)})`;
  const wait = (selector: string): Promise<void> =>
    until(`${find(selector)} !== null`, `no element matches ${selector}`);
  const click = async (selector: string): Promise<void> => {
    await wait(selector);
    const at = `(() => { const e = ${find(selector)}; e.scrollIntoView({ block: 'center' });
      const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()`;
    const [x, y] = (await evaluate(at)) as [number, number];
    const mouse = { x, y, button: 'left', clickCount: 1 };
    await send('Input.dispatchMouseEvent', { type: 'mousePressed', ...mouse });
    await send('Input.dispatchMouseEvent', { type: 'mouseReleased', ...mouse });
  };
  return {
    goto: async (url) => {
      const { errorText } = await send('Page.navigate', { url });
      if (typeof errorText === 'string' && errorText !== '') throw new Error(errorText);
      await until(`document.readyState === 'complete'`, 'the page did not finish loading');
    },
    wait,
    click,
    type: async (selector, text) => {
      await click(selector);
      await evaluate(`${find(selector)}.select?.()`);
      await send('Input.insertText', { text });
    },
    picture: async () => {
      const { data } = await send('Page.captureScreenshot', { format: 'png' });
      return String(data);
    },
  };
}

interface Node {
  role?: { value?: string };
  name?: { value?: string };
  value?: { value?: unknown };
  ignored?: boolean;
  nodeId: string;
  parentId?: string;
}

/** Roles that say nothing by themselves. */
const SILENT = new Set(['none', 'generic', 'InlineTextBox', 'LineBreak', 'paragraph']);

async function outline(send: Send, errors: readonly string[]): Promise<string> {
  const [tree, place] = await Promise.all([
    send('Accessibility.getFullAXTree', {}),
    send('Runtime.evaluate', {
      expression: '[document.title, location.href]',
      returnByValue: true,
    }),
  ]);
  const nodes = tree['nodes'] as Node[];
  const parents = new Map(nodes.map((node) => [node.nodeId, node]));
  const depth = (node: Node): number => {
    const above = node.parentId === undefined ? undefined : parents.get(node.parentId);
    if (above === undefined) return 0;
    return depth(above) + (isTold(above) ? 1 : 0);
  };
  const lines = nodes.filter(isTold).map((node) => {
    const name = (node.name?.value ?? '').slice(0, NAME_CHARS);
    const value = node.value?.value === undefined ? '' : ` = ${String(node.value.value)}`;
    return `${'  '.repeat(depth(node))}${node.role?.value} ${JSON.stringify(name)}${value}`;
  });
  const left = lines.length - OUTLINE_LINES;
  const { value } = place['result'] as { value: [string, string] };
  return [
    `${value[0]} (${value[1]})`,
    ...errors.map((error) => `! ${error}`),
    ...lines.slice(0, OUTLINE_LINES),
    ...(left > 0 ? [`[${left} more lines left out]`] : []),
  ].join('\n');
}

function isTold(node: Node): boolean {
  const role = node.role?.value ?? 'none';
  if (node.ignored === true || SILENT.has(role)) return false;
  return role !== 'StaticText' || (node.name?.value ?? '').trim() !== '';
}

/** What a page writes to its console as an error, or throws. */
function complaint(method: string, params: Record<string, unknown>): string | null {
  switch (method) {
    case 'Runtime.exceptionThrown': {
      const { exceptionDetails } = params as {
        exceptionDetails?: { text?: string; exception?: { description?: string } };
      };
      const { exception, text } = exceptionDetails ?? {};
      return (exception?.description ?? text ?? 'an error').split('\n')[0]?.slice(0, 300) ?? null;
    }
    case 'Log.entryAdded': {
      const { entry } = params as { entry?: { level?: string; text?: string } };
      return entry?.level === 'error' ? (entry.text ?? '').slice(0, 300) : null;
    }
    case 'Runtime.consoleAPICalled': {
      const { type, args } = params as { type?: string; args?: { value?: unknown }[] };
      if (type !== 'error') return null;
      return (args ?? [])
        .map(({ value }) => String(value))
        .join(' ')
        .slice(0, 300);
    }
    default:
      return null;
  }
}
