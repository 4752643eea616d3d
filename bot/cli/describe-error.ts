/** What a failed look-up means to the person at the terminal. */
import { ForgeError } from '../forge/errors.ts';
import { StoreError } from '../store/errors.ts';

/** Longest cause that is shown; answers of servers can be whole pages. */
const MAX_CAUSE = 400;

/** Why, and what to do about it. */
export interface Described {
  why: string;
  fix: string;
}

/** One line about any error; the codes of network errors where their message is empty. */
export function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return cut(String(error));
  // Several addresses tried at once give an error without a message of its own.
  if (error instanceof AggregateError && error.errors.length > 0) return causeOf(error.errors[0]);
  // What `fetch` throws says only that it failed; the reason is behind it.
  if (error.message === 'fetch failed' && error.cause !== undefined) return causeOf(error.cause);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return cut(error.message === '' ? code || error.name : error.message);
}

/** Cause and remedy of an error that stopped a command or a check. */
export function describeError(error: unknown): Described {
  const why = causeOf(error);
  if (error instanceof ForgeError) return { why, fix: forgeFix(error) };
  if (error instanceof StoreError && error.code === 'data_dir_locked') {
    return {
      why: 'the embedded database can be opened by one process at a time, and another one has it',
      fix: 'stop the running bot for this command, or set DATABASE_URL so that both share a PostgreSQL',
    };
  }
  return { why, fix: 'mend what the line above names, then run this again' };
}

function forgeFix(error: ForgeError): string {
  switch (error.kind) {
    case 'denied':
      return 'check AUTODEV_GITLAB_TOKEN: scope api, and Developer in the project (Maintainer for hooks)';
    case 'not_found':
      return 'check the name, and that the bot is a member of the project';
    case 'conflict':
      return 'something changed meanwhile; run this again';
    case 'invalid':
      return 'GitLab does not take this request; check its version (17.0 or later)';
    case 'limited':
      return 'GitLab asks to wait; run this again in a minute';
    case 'unavailable':
      return 'check AUTODEV_GITLAB_URL and that this machine reaches it, then run this again';
    case 'ambiguous':
      return 'the answer was lost; run this again, what was done is found';
  }
}

function cut(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > MAX_CAUSE ? `${line.slice(0, MAX_CAUSE)}…` : line;
}
