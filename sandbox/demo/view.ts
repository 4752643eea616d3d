/**
 * A list of stages on a terminal: a spinner, the elapsed time and one line of what happens now. Where
 * the output is no terminal, one plain line per change.
 */

export interface View {
  /** Text between stages. */
  say(text: string): void;
  stage(title: string): Stage;
  /** A framed text at the end. */
  box(lines: readonly string[]): void;
  close(): void;
}

export interface Stage {
  /** What happens right now. */
  note(text: string): void;
  done(text: string): void;
  fail(text: string): void;
}

const nothing = (): void => undefined;

/** A view that shows nothing, for journeys that nobody watches. */
export const SILENT: View = {
  say: nothing,
  stage: () => ({ note: nothing, done: nothing, fail: nothing }),
  box: nothing,
  close: nothing,
};

export interface ViewOptions {
  tty: boolean;
  colour: boolean;
  columns: number;
  write: (text: string) => void;
  /** Milliseconds. */
  now: () => number;
}

const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const TITLE_WIDTH = 28;

export function createView(options: ViewOptions): View {
  const { write, now } = options;
  const paint = (code: number, text: string): string =>
    options.colour ? `\u001B[${code}m${text}\u001B[0m` : text;
  let live: { title: string; text: string; since: number } | null = null;
  let frame = 0;
  const seconds = (since: number): string => `${((now() - since) / 1000).toFixed(1)} s`.padStart(7);
  const line = (mark: string, title: string, since: number, text: string): string => {
    const room = Math.max(10, options.columns - TITLE_WIDTH - 14);
    const short = options.tty && text.length > room ? `${text.slice(0, room - 1)}…` : text;
    return `${mark} ${title.padEnd(TITLE_WIDTH)} ${paint(2, seconds(since))}  ${short}`;
  };
  const clear = (): void => {
    if (options.tty) write('\r\u001B[2K');
  };
  const draw = (): void => {
    if (!options.tty || live === null) return;
    frame = (frame + 1) % FRAMES.length;
    clear();
    write(line(paint(36, FRAMES[frame] ?? ''), live.title, live.since, live.text));
  };
  const timer = options.tty ? setInterval(draw, FRAME_MS) : null;
  const end = (mark: string, text: string): void => {
    if (live === null) return;
    clear();
    write(`${line(mark, live.title, live.since, text)}\n`);
    live = null;
  };
  return {
    say(text) {
      clear();
      write(`${text}\n`);
    },
    stage(title) {
      live = { title, text: '', since: now() };
      draw();
      return {
        note(text) {
          if (live === null || live.text === text) return;
          live.text = text;
          if (options.tty) draw();
          else write(`${line('·', title, live.since, text)}\n`);
        },
        done: (text) => end(paint(32, '✓'), text),
        fail: (text) => end(paint(31, '✗'), text),
      };
    },
    box(lines) {
      const width = Math.max(...lines.map((text) => text.length));
      const rule = '─'.repeat(width + 2);
      const rows = lines.map((text) => `│ ${text.padEnd(width)} │`);
      write(`┌${rule}┐\n${rows.join('\n')}\n└${rule}┘\n`);
    },
    close() {
      if (timer !== null) clearInterval(timer);
      clear();
    },
  };
}
