/** What a person sees while an evaluation runs: one line that changes on a terminal, plain lines elsewhere. */
import type { Writable } from 'node:stream';
import type { Terminal } from '../bot/cli/terminal.ts';
import type { TryFigures } from './figures.ts';
import type { Watcher } from './run.ts';

const REDRAW_MS = 250;
const WIDTH = 100;
const CLEAR = '\r\u001b[K';

export interface Progress extends Watcher {
  /** Takes the changing line away. */
  close(): void;
}

/** `total`: how many tries there are. With `quiet` nothing is printed. */
export function createProgress(
  terminal: Terminal,
  output: Writable & { isTTY?: boolean; columns?: number },
  total: number,
  quiet: boolean,
): Progress {
  const running = new Map<string, { since: number; line: string }>();
  const live = output.isTTY === true && !quiet;
  let finished = 0;
  const draw = (): void => {
    const parts = [...running].map(([name, { since, line }]) => {
      const seconds = Math.round((performance.now() - since) / 1000);
      return `${name} ${seconds} s ${printable(line).slice(0, 30)}`;
    });
    const text = `${finished}/${total} · ${parts.join(' · ')}`;
    output.write(`${CLEAR}${text.slice(0, (output.columns ?? WIDTH) - 1)}`);
  };
  const timer = live ? setInterval(draw, REDRAW_MS) : undefined;
  const say = (text: string): void => {
    if (quiet) return;
    if (live) output.write(CLEAR);
    terminal.line(text);
  };
  return {
    began(name) {
      running.set(name, { since: performance.now(), line: 'starting' });
      if (!live) say(`${name}: started`);
    },
    doing(name, line) {
      const entry = running.get(name);
      if (entry) entry.line = line;
    },
    ended(one) {
      finished += 1;
      running.delete(one.name);
      running.delete(`${one.name} (${one.run})`);
      say(endLine(terminal, one));
    },
    close() {
      clearInterval(timer);
      if (live) output.write(CLEAR);
    },
  };
}

function endLine(terminal: Terminal, one: TryFigures): string {
  const mark = terminal.mark(one.solved ? 'ok' : one.ran ? 'warning' : 'error');
  const facts = `$${one.costUsd.toFixed(4)}, ${one.turns} turns, ${one.seconds.toFixed(1)} s`;
  return `${mark} ${one.name}: ${one.solved ? 'solved' : one.why} (${facts})`;
}

/** What a model or a command wrote, without anything that moves the cursor. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\u00a0-\u024f]/g, ' ');
}
