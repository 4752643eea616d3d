/** From the bytes of a request to the body that goes to the provider, or a refusal. */
import type { GatewayLimits } from './limits.ts';
import { checkContent, checkTools } from './request-content.ts';
import { checkFields } from './request-fields.ts';
import type { Api, Refusal } from './types.ts';

export interface PreparedRequest {
  model: string;
  stream: boolean;
  /** Output tokens the provider may make at most. */
  maxOutputTokens: number;
  /**
   * Written anew from what was checked, never the client's bytes: of a key given twice the provider
   * might take the other one.
   */
  body: string;
}

type Json = Record<string, unknown>;
type Limits = Pick<GatewayLimits, 'defaultOutputTokens' | 'maxOutputTokens'>;

const refusal = (status: number, code: string, message: string, fix: string): Refusal => ({
  status,
  code,
  message,
  fix,
});

const invalid = (message: string): Refusal =>
  refusal(400, 'invalid_request', message, 'Correct the request.');

const notAllowed = (code: string, what: string): Refusal =>
  refusal(
    403,
    code,
    `The gateway does not pass on this request: ${what}.`,
    'Use the tools and the content of the agent itself, and leave everything else out.',
  );

/** Fields that carry the maximum, the one the API prefers first. */
const MAX_FIELDS: Record<Api, readonly [string, ...string[]]> = {
  responses: ['max_output_tokens'],
  chat: ['max_completion_tokens', 'max_tokens'],
  messages: ['max_tokens'],
};

/** Lowers the maximum to the limit, sets it where it is missing, and returns it; null: not a count. */
function boundOutput(api: Api, body: Json, limits: Limits): number | null {
  const given = MAX_FIELDS[api].filter(
    (field) => body[field] !== undefined && body[field] !== null,
  );
  let most = 0;
  for (const field of given) {
    const wish = body[field];
    if (typeof wish !== 'number' || !Number.isSafeInteger(wish) || wish < 1) return null;
    body[field] = Math.min(wish, limits.maxOutputTokens);
    most = Math.max(most, body[field] as number);
  }
  if (given.length > 0) return most;
  const fallback = Math.min(limits.defaultOutputTokens, limits.maxOutputTokens);
  body[MAX_FIELDS[api][0]] = fallback;
  return fallback;
}

/** Settles what a client left open in a way that is metered, not stored, and at list price. */
function completeBody(api: Api, body: Json, stream: boolean): void {
  if (api === 'messages') return;
  // OpenAI keeps answers of the Responses API unless it is told not to.
  body['store'] = false;
  const tier = body['service_tier'];
  if (tier === undefined || tier === null || tier === 'auto') body['service_tier'] = 'default';
  if (api === 'chat' && stream) {
    const options = body['stream_options'];
    body['stream_options'] = {
      ...(typeof options === 'object' ? options : {}),
      include_usage: true,
    };
  }
}

function parse(bytes: Buffer): Json | null {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Json)
      : null;
  } catch {
    return null;
  }
}

/** Checks a request just enough to bound its cost and where its data can go. */
export function prepareRequest(
  api: Api,
  bytes: Buffer,
  limits: Limits,
): { ok: true; request: PreparedRequest } | { ok: false; refusal: Refusal } {
  const no = (refused: Refusal): { ok: false; refusal: Refusal } => ({
    ok: false,
    refusal: refused,
  });
  const body = parse(bytes);
  if (body === null) return no(invalid('The request body is not a JSON object.'));
  const { model, stream } = body;
  if (typeof model !== 'string' || model === '') return no(invalid('`model` is missing.'));
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    return no(invalid('`stream` is neither true nor false.'));
  }
  const field = checkFields(api, body);
  if (field !== null) return no(notAllowed('field_not_allowed', field));
  const tool = checkTools(api, body['tools']);
  if (tool !== null) return no(notAllowed('tool_not_allowed', tool));
  const content = checkContent(api, body);
  if (content !== null) return no(notAllowed('content_not_allowed', content));
  const maxOutputTokens = boundOutput(api, body, limits);
  if (maxOutputTokens === null) {
    return no(invalid(`\`${MAX_FIELDS[api].join('` or `')}\` is not a whole number above 0.`));
  }
  completeBody(api, body, stream === true);
  return {
    ok: true,
    request: { model, stream: stream === true, maxOutputTokens, body: JSON.stringify(body) },
  };
}
