/** What commands print, and the one question they ask. Plain text unless a person is looking. */
import { createInterface } from 'node:readline/promises';
import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';

export type Mark = 'ok' | 'warning' | 'error' | 'skipped';
type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow';

const MARKS: Readonly<Record<Mark, { sign: string; style: Style }>> = {
  ok: { sign: '✓', style: 'green' },
  warning: { sign: '!', style: 'yellow' },
  error: { sign: '✗', style: 'red' },
  skipped: { sign: '–', style: 'dim' },
};

/**
 * Control characters in what others wrote could move the cursor or hide text; colours (SGR) stay,
 * and so do line breaks. The second class turns the direction of text around.
 */
const UNSAFE = /(\x1b\[[\d;]{0,20}m)|[\x00-\x09\x0b-\x1f\x7f-\x9f]|[\u202a-\u202e\u2066-\u2069]/g;

export interface Terminal {
  /** One line, or several; control characters other than colours are left out. */
  line(text?: string): void;
  /** One JSON document; nothing else may be printed with it. */
  json(value: unknown): void;
  /** The text in a style, or as it is where colours are off (no TTY, NO_COLOR). */
  paint(style: Style, text: string): string;
  mark(mark: Mark): string;
  /** Asks a yes-or-no question; null when nobody is there to answer. */
  confirm(question: string): Promise<boolean | null>;
}

interface Streams {
  input: Readable & { isTTY?: boolean };
  output: Writable & { isTTY?: boolean };
}

/** A terminal on two streams, by default those of the process. */
export function createTerminal(
  streams: Streams = { input: process.stdin, output: process.stdout },
): Terminal {
  const { input, output } = streams;
  // `validateStream` looks at isTTY, NO_COLOR and FORCE_COLOR (Node's util.styleText).
  const paint = (style: Style, text: string): string =>
    styleText(style, text, { stream: output, validateStream: true });
  return {
    line: (text = '') => {
      output.write(`${text.replaceAll(UNSAFE, (_, colour?: string) => colour ?? '')}\n`);
    },
    json: (value) => {
      output.write(`${JSON.stringify(value, null, 2)}\n`);
    },
    paint,
    mark: (mark) => paint(MARKS[mark].style, MARKS[mark].sign),
    confirm: async (question) => {
      if (input.isTTY !== true || output.isTTY !== true) return null;
      const prompt = createInterface({ input, output });
      try {
        const answer = await prompt.question(`${question} [y/N] `);
        return /^\s*y(es)?\s*$/i.test(answer);
      } finally {
        prompt.close();
      }
    },
  };
}
