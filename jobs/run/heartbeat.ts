/** Tells the bot that the attempt is alive, and hears what it wants. */
import { HeartbeatResponse } from '../../schema/wire/job-api.ts';
import { ApiRefusal, post } from '../api.ts';
import { describeError } from '../errors.ts';
import { safeLine } from '../run-log.ts';

/** Longest `doing` the contract takes. */
const DOING_CHARS = 200;

export interface HeartbeatOptions {
  server: string;
  token: string;
  seconds: number;
  status: () => { turn: number; doing: string };
  onMessage: (text: string) => void;
  /** The attempt is over: cancelled by a person, or superseded by another attempt. */
  onStop: (cause: string) => void;
  log: (line: string) => void;
  redact: (text: string) => string;
}

/**
 * Beats every `seconds` until stopped. Network errors are tolerated: a bot that restarts must not
 * cost the work. 401, 403, 404 and 409 say that the attempt is no longer ours. Returns the stopper.
 */
export function startHeartbeat(options: HeartbeatOptions): () => void {
  const control = new AbortController();
  let failing = false;
  let seen = 0;
  let timer: NodeJS.Timeout | undefined;
  const beat = async (): Promise<void> => {
    try {
      const { turn, doing } = options.status();
      const text = await post(`${options.server}/api/job/heartbeat`, {
        token: options.token,
        body: { turn, doing: safeLine(options.redact(doing), DOING_CHARS), seen },
        budgetMs: 0,
        signal: control.signal,
      });
      const answer = HeartbeatResponse.parse(JSON.parse(text));
      if (failing) options.log('heartbeat: the bot answers again');
      failing = false;
      if (answer.cancel) return options.onStop('The bot cancelled this attempt');
      answer.messages.forEach(options.onMessage);
      seen = Math.max(seen, answer.upTo);
    } catch (error) {
      if (control.signal.aborted) return;
      if (error instanceof ApiRefusal && [401, 403, 404, 409].includes(error.status)) {
        return options.onStop(`The bot ended this attempt (${error.status}: ${error.message})`);
      }
      if (!failing) options.log(`heartbeat: ${describeError(error)}; going on`);
      failing = true;
    }
    if (!control.signal.aborted) timer = setTimeout(() => void beat(), options.seconds * 1000);
  };
  timer = setTimeout(() => void beat(), options.seconds * 1000);
  return () => {
    control.abort();
    clearTimeout(timer);
  };
}
