/** Reads an issue or change for the agent: the supervisor has the token for it, the agent has not. */
import { ThreadResponse, type ThreadRequest } from '../../schema/wire/job-api.ts';
import { ApiRefusal, post } from '../api.ts';
import { describeError } from '../errors.ts';

/** Pages that one agent is read. */
const PAGES = 60;
/** Time the bot is asked again for one page, in milliseconds. */
const BUDGET_MS = 20_000;

export interface ThreadReader {
  server: string;
  token: string;
  log: (line: string) => void;
}

/** Asks the bot; every failure is a sentence for the agent. */
export function threadReader(
  reader: ThreadReader,
): (request: ThreadRequest) => Promise<{ ok: boolean; text: string }> {
  let pages = 0;
  return async (request) => {
    pages += 1;
    if (pages > PAGES) return { ok: false, text: `No more than ${PAGES} pages are read per task.` };
    try {
      const text = await post(`${reader.server}/api/job/thread`, {
        token: reader.token,
        body: request,
        budgetMs: BUDGET_MS,
      });
      return { ok: true, text: ThreadResponse.parse(JSON.parse(text)).text };
    } catch (error) {
      if (error instanceof ApiRefusal) {
        return { ok: false, text: `${error.message} ${error.fix ?? ''}`.trim() };
      }
      reader.log(`read_thread: ${describeError(error)}`);
      return { ok: false, text: 'The bot did not answer. Go on without it.' };
    }
  };
}
