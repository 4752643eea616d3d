/** Every REST call the sandbox got, for tests and proofs. */

export interface CallRecord {
  at: string;
  /** Username, `job:<id>` for a job token, or null for nobody. */
  user: string | null;
  method: string;
  /** After `/api/v4`, with query, percent-encoding kept. */
  path: string;
  /** Route in OpenAPI's words, e.g. `/projects/{id}/issues`; null: the sandbox does not know it. */
  route: string | null;
  body: unknown;
  /** Null when the weather broke the connection before the call was carried out. */
  status: number | null;
  /** The caller never saw the answer. */
  replyDropped: boolean;
  /** When it came and when it was answered, in milliseconds of `performance.now()`. */
  from: number;
  to: number | null;
}

export interface CallLog {
  readonly all: readonly CallRecord[];
  record(call: CallRecord): void;
  /** Calls to routes the sandbox does not know: a gap in the sandbox or a wrong call of the bot. */
  unknown(): CallRecord[];
  /** Calls of one method on paths that match. */
  find(method: string, path: RegExp): CallRecord[];
  clear(): void;
}

export function createCallLog(): CallLog {
  const all: CallRecord[] = [];
  return {
    all,
    record: (call) => {
      all.push(call);
    },
    unknown: () => all.filter((call) => call.route === null),
    find: (method, path) => all.filter((call) => call.method === method && path.test(call.path)),
    clear: () => {
      all.length = 0;
    },
  };
}
