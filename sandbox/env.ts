/** The only reader of the process environment in sandbox/: what a job may know of this machine. */

const FALLBACK_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The two variables every started process gets from this machine; nothing else of the
 * environment is passed on, so that no credential of the developer reaches a job.
 */
export function systemEnvironment(): { PATH: string; LANG: string } {
  return { PATH: process.env['PATH'] ?? FALLBACK_PATH, LANG: process.env['LANG'] ?? 'C.UTF-8' };
}

export interface Terminal {
  tty: boolean;
  colour: boolean;
  columns: number;
  /** What programs started from this terminal get of its environment. */
  environment: { PATH: string; LANG: string };
}

/** The terminal of the demo; colours only on a TTY and without NO_COLOR. */
export function terminal(): Terminal {
  const tty = process.stdout.isTTY === true && process.env['TERM'] !== 'dumb';
  return {
    tty,
    colour: tty && (process.env['NO_COLOR'] ?? '') === '',
    columns: process.stdout.columns ?? 100,
    environment: systemEnvironment(),
  };
}

/** The person's own provider keys for a demo with a real model; null when there is none. */
export function liveProviders(): Record<string, string> | null {
  const openai = process.env['OPENAI_API_KEY'] ?? '';
  const anthropic = process.env['ANTHROPIC_API_KEY'] ?? '';
  if (openai === '' && anthropic === '') return null;
  return {
    OPENAI_API_KEY: openai,
    OPENAI_BASE_URL: process.env['OPENAI_BASE_URL'] ?? 'https://api.openai.com/v1',
    ANTHROPIC_API_KEY: anthropic,
    ANTHROPIC_BASE_URL: process.env['ANTHROPIC_BASE_URL'] ?? 'https://api.anthropic.com',
  };
}
