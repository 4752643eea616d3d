/** The tool `browse`: looks at what was built as its users would, with the system's own browser. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { HeadTail, killTree } from '../process-group.ts';
import { stripAnsi } from '../run-log.ts';
import { locate } from './paths.ts';
import { defineTool, toolError, type ToolContext, type ToolResult } from './tool.ts';

const ACTIONS = 20;
const SELECTOR_CHARS = 500;
const TEXT_CHARS = 2_000;
/** Longest wait for a command to serve its page, and what is kept of its words. */
const SERVE_MS = 30_000;
const SERVE_BYTES = 4_000;
const POLL_MS = 100;

const INPUT = z.strictObject({
  url: z
    .string()
    .min(1)
    .max(2_000)
    .describe('http://localhost:PORT/… or the path of a file in the repository'),
  serve: z
    .string()
    .max(2_000)
    .nullish()
    .describe('Command that serves the page; it runs until this call ends'),
  actions: z
    .array(
      z.strictObject({
        do: z.enum(['click', 'type', 'wait']),
        selector: z.string().min(1).max(SELECTOR_CHARS).describe('CSS'),
        text: z.string().max(TEXT_CHARS).nullish().describe('What to type'),
      }),
    )
    .max(ACTIONS)
    .nullish(),
  picture: z
    .string()
    .max(100)
    .nullish()
    .describe('What the picture shows; with it a screenshot is kept for the people'),
});

export const browseTool = defineTool({
  name: 'browse',
  description:
    'Opens a page in a headless browser, acts on it, and answers with its outline and a screenshot. Only pages of this machine and files of the repository can be opened. Every call starts with a new page.',
  input: INPUT,
  about: ({ url }) => url,
  async run(input, context) {
    const { findBrowser } = await import('./browser/program.ts');
    const program = await findBrowser(context.env['PATH'] ?? '');
    if (program === null) {
      return toolError(
        'There is no Chromium in this job image. Go on without pictures, and say so in the report.',
      );
    }
    const url = await addressOf(input.url, context.root);
    if (url === null) {
      return toolError(
        'url: only http://localhost, http://127.0.0.1 and files of the repository can be opened.',
      );
    }
    const served = input.serve ? serve(input.serve, context) : null;
    try {
      if (served !== null) await served.answers(url);
      return await look(program, url, input, context);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const said = served === null ? '' : `\nThe command said:\n${served.said()}`;
      return toolError(`${why}${said}`);
    } finally {
      await served?.stop();
    }
  },
});

/** The address to open: as given on loopback, or a file of the repository; null for anything else. */
async function addressOf(url: string, root: string): Promise<string | null> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) {
    const { isAllowed } = await import('./browser/page.ts');
    return /^https?:/i.test(url) && (await isAllowed(url, root)) ? url : null;
  }
  const found = await locate(root, url);
  return found.ok ? pathToFileURL(found.path).href : null;
}

async function look(
  program: string,
  url: string,
  { actions, picture }: z.output<typeof INPUT>,
  context: ToolContext,
): Promise<ToolResult> {
  const [{ startDevTools }, { openPage }] = await Promise.all([
    import('./browser/devtools.ts'),
    import('./browser/page.ts'),
  ]);
  const profile = await mkdtemp(join(context.env['TMPDIR'] ?? '/tmp', 'browser-'));
  const options = {
    profile,
    env: { ...context.env, HOME: profile, TMPDIR: profile },
    signal: context.signal,
  };
  const browser = await startDevTools(program, options);
  try {
    const page = await openPage(browser, context.root);
    await page.goto(url);
    for (const action of actions ?? []) {
      if (action.do === 'click') await page.click(action.selector);
      else if (action.do === 'type') await page.type(action.selector, action.text ?? '');
      else await page.wait(action.selector);
    }
    const text = await page.outline();
    const content = await page.picture();
    const kept = picture ? context.onPicture?.({ title: picture, content }) : undefined;
    const note = kept === undefined ? '' : `\n${kept}`;
    return { ok: true, text: `${text}${note}`, images: [content] };
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 3 });
  }
}

interface Served {
  /** Waits until the address answers. @throws Error when the command ends or takes too long */
  answers(url: string): Promise<void>;
  said(): string;
  stop(): Promise<void>;
}

/** Starts the command in a process group of its own; it lives as long as the call. */
function serve(command: string, context: ToolContext): Served {
  const child = spawn('bash', ['--noprofile', '--norc', '-c', command], {
    cwd: context.root,
    env: context.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = new HeadTail(SERVE_BYTES);
  let ended: string | null = null;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (part: Buffer) => output.add(part));
  }
  child.once('error', (error) => (ended = error.message));
  child.once('exit', (code, signal) => (ended = `exit code ${code ?? signal}`));
  return {
    said: () => stripAnsi(output.text().output).trim() || '(nothing)',
    stop: async () => {
      if (child.pid) await killTree(child.pid);
    },
    answers: async (url) => {
      if (!url.startsWith('http')) return;
      for (const late = Date.now() + SERVE_MS; ;) {
        const there = await fetch(url, { redirect: 'manual' }).then(
          (response) => response.body?.cancel().then(() => true) ?? true,
          () => false,
        );
        if (there) return;
        if (ended !== null) throw new Error(`serve: the command ended (${ended})`);
        if (Date.now() > late) throw new Error(`serve: nothing answered at ${url} in time`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    },
  };
}
