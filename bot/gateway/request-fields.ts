/**
 * The request fields that may reach a provider. What is not listed is refused: a provider adds
 * fields that run tools, fetch addresses, store answers or cost more, and an agent is hostile by
 * assumption (threat B12).
 */
import type { Api } from './types.ts';

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Fields that decide neither what an answer may cost nor where data goes, or that VALUES holds. */
const ALLOWED: Record<Api, ReadonlySet<string>> = {
  responses: words(`
    model input instructions tools tool_choice parallel_tool_calls max_output_tokens max_tool_calls
    metadata include reasoning text temperature top_p top_logprobs truncation stream stream_options
    prompt_cache_key prompt_cache_retention prompt_cache_options safety_identifier user store
    service_tier`),
  chat: words(`
    model messages tools tool_choice parallel_tool_calls functions function_call
    max_completion_tokens max_tokens metadata response_format temperature top_p top_logprobs logprobs
    logit_bias seed stop frequency_penalty presence_penalty reasoning_effort verbosity stream
    stream_options prompt_cache_key prompt_cache_retention prompt_cache_options safety_identifier
    user n store service_tier modalities`),
  messages: words(`
    model messages system tools tool_choice max_tokens metadata cache_control output_config
    stop_sequences stream temperature thinking top_k top_p context_management service_tier speed`),
};

/** Values a listed field may have, where not every value is harmless; the reason is for people. */
const VALUES: Readonly<Record<string, { may: readonly string[]; why: string }>> = {
  store: { may: ['false'], why: 'answers are not stored at the provider' },
  service_tier: {
    may: ['"auto"', '"default"', '"flex"', '"standard_only"'],
    why: 'faster tiers cost more than the price table says',
  },
  speed: { may: ['"standard"'], why: 'faster modes cost more than the price table says' },
  n: { may: ['1'], why: 'each further choice costs another answer' },
  modalities: { may: ['["text"]'], why: 'only text is metered' },
};

/** Fields that tell the provider about the client and that no answer needs: taken out. */
const TAKEN_OUT: ReadonlySet<string> = new Set(['client_metadata']);

/** Takes out fields that are off anyway; names the first one that may not pass, or null. */
export function checkFields(api: Api, body: Record<string, unknown>): string | null {
  for (const [field, value] of Object.entries(body)) {
    if (ALLOWED[api].has(field)) {
      const rule = VALUES[field];
      if (rule === undefined || value === null) continue;
      if (!rule.may.includes(JSON.stringify(value))) {
        return `\`${field}\` may only be ${rule.may.join(' or ')}: ${rule.why}`;
      }
    } else if (value === null || value === false || TAKEN_OUT.has(field)) {
      delete body[field];
    } else {
      return `the field \`${field.slice(0, 80)}\` is not on the gateway's list`;
    }
  }
  return null;
}
