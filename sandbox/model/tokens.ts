/** Token counts that behave like a provider's: by length, with a cached prefix. */
import { createHash } from 'node:crypto';
import type { Answer, AnswerUsage, Conversation } from './types.ts';

const CHARS_PER_TOKEN = 4;
/** Conversations whose last prompt is remembered; the oldest is forgotten first. */
const REMEMBERED_CONVERSATIONS = 500;

export const tokensOf = (chars: number): number => Math.ceil(chars / CHARS_PER_TOKEN);

/** The prompt as the model reads it: tools, then system, then messages, so that a prefix can match. */
function promptOf(conversation: Conversation): string {
  const { tools, system, messages } = conversation;
  return [tools, system, ...messages].map((part) => JSON.stringify(part)).join('\n');
}

/** Names a conversation by what stays the same in all of its requests. */
export function conversationKey(conversation: Conversation): string {
  const first = conversation.messages.find((message) => message.role === 'user');
  const parts = [conversation.api, conversation.model, conversation.system, first?.text ?? ''];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function commonPrefix(a: string, b: string): number {
  const end = Math.min(a.length, b.length);
  let i = 0;
  while (i < end && a.charCodeAt(i) === b.charCodeAt(i)) i++;
  return i;
}

function outputChars(answer: Answer): number {
  const calls = (answer.toolCalls ?? []).map(({ name, arguments: args }) => {
    return name.length + (typeof args === 'string' ? args : JSON.stringify(args)).length;
  });
  return calls.reduce((sum, chars) => sum + chars, (answer.text ?? '').length);
}

/** Remembers the last prompt of each conversation and counts against it. */
export class TokenCounter {
  readonly #last = new Map<string, string>();

  /**
   * Usage of one request. OpenAI caches by itself; Anthropic only what the client marks, so there
   * `marked` says whether the request carried a cache_control.
   */
  count(conversation: Conversation, answer: Answer, marked: boolean): AnswerUsage {
    const key = conversationKey(conversation);
    const prompt = promptOf(conversation);
    const previous = this.#last.get(key) ?? '';
    this.#last.delete(key);
    this.#last.set(key, prompt);
    if (this.#last.size > REMEMBERED_CONVERSATIONS) {
      for (const oldest of this.#last.keys()) {
        this.#last.delete(oldest);
        break;
      }
    }
    const caches = conversation.provider === 'openai' || marked;
    const inputTokens = tokensOf(prompt.length);
    const prefix = caches ? commonPrefix(previous, prompt) : 0;
    const whole = prefix === prompt.length;
    const cachedInputTokens = whole ? inputTokens : Math.floor(prefix / CHARS_PER_TOKEN);
    const writes = conversation.provider === 'anthropic' && marked;
    return {
      inputTokens,
      cachedInputTokens,
      cacheWriteTokens: writes ? inputTokens - cachedInputTokens : 0,
      outputTokens: Math.max(1, tokensOf(outputChars(answer))),
      ...answer.usage,
    };
  }
}
