/**
 * GraphQL on GitLab, for what REST does not have. It answers 200 for refusals too: what failed stands in
 * `errors` of the answer and in `errors` of each mutation (gitlab-facts §3.5).
 */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import { parseAnswer } from './resources.ts';
import type { Resources } from './resources.ts';

const Answer = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z.array(z.object({ message: z.string() })).nullish(),
});

const Payload = z.object({ errors: z.array(z.string()).nullish() });

/** Longest refusal that is repeated. */
const MESSAGE_CHARS = 300;

/**
 * Sends one document with one top field and reads that field by its shape.
 * @param what name of the field and its subject, for messages
 * @param variables flat, with names of one word: gitbeaker would rewrite others
 * @throws ForgeError `denied` for "does not exist or you don't have permission", else `invalid`
 */
export async function askGraphql<T>(
  api: Resources,
  schema: z.ZodType<T>,
  request: { what: string; document: string; variables: Record<string, string> },
): Promise<T> {
  const { what, document, variables } = request;
  const sent: unknown = await api.graphql.post('graphql', { body: { query: document, variables } });
  const body = (sent as { body?: unknown }).body;
  const { data, errors } = parseAnswer(Answer, body, `POST graphql ${what}`);
  const refusals = (errors ?? []).map(({ message }) => message);
  const [payload] = Object.values(data ?? {});
  const own = Payload.safeParse(payload);
  refusals.push(...((own.success && own.data.errors) || []));
  if (refusals.length > 0) throw refused(what, refusals.join('; '));
  return parseAnswer(schema, payload ?? null, `POST graphql ${what}`);
}

function refused(what: string, why: string): ForgeError {
  const denied = /permission|not authorized|forbidden/i.test(why);
  const text = why.replaceAll(/\s+/g, ' ').slice(0, MESSAGE_CHARS);
  return new ForgeError(denied ? 'denied' : 'invalid', `GitLab refused ${what}: ${text}`);
}
