/** The job log: one line per step, for people, safe to print in GitLab's log viewer. */

export interface RunLog {
  line(text: string): void;
  /** Adds a value that is replaced wherever it would be printed. */
  hide(secret: string): void;
  /** Replaces every hidden value in a text. */
  redact(text: string): string;
}

/** Longest printed line, in characters. */
const LINE_CHARS = 500;
// eslint-disable-next-line no-control-regex -- terminal sequences are what is removed here
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g;
// eslint-disable-next-line no-control-regex -- control characters and bidirectional overrides
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Removes terminal sequences. */
export function stripAnsi(text: string): string {
  return text.replace(ANSI, '');
}

/**
 * One printable line: no terminal sequences, control characters shown as `\xNN`, and GitLab's
 * `section_start:`/`section_end:` markers broken so that they fold nothing.
 */
export function safeLine(text: string, chars = LINE_CHARS): string {
  const cut = text.length > chars * 4 ? text.slice(0, chars * 4) : text;
  const clean = stripAnsi(cut)
    .replace(/\r?\n/g, ' ⏎ ')
    .replace(UNSAFE, (c) => {
      const code = c.charCodeAt(0);
      return code === 9 ? ' ' : `\\${code < 256 ? 'x' : 'u'}${code.toString(16).padStart(2, '0')}`;
    })
    .replace(/section_(start|end):/gi, 'section-$1 ');
  return clean.length > chars ? `${clean.slice(0, chars - 1)}…` : clean;
}

/** A log that writes to `write` and never prints the given secrets. */
export function createLog(
  write: (text: string) => void,
  secrets: readonly string[],
  now: () => Date,
): RunLog {
  const hidden = new Set(secrets);
  const redact = (text: string): string => {
    let out = text;
    for (const secret of hidden) out = out.replaceAll(secret, '[hidden]');
    return out;
  };
  return {
    line: (text) => write(`${now().toISOString().slice(11, 19)} ${safeLine(redact(text))}\n`),
    hide: (secret) => void hidden.add(secret),
    redact,
  };
}
