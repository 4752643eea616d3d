/**
 * What a request may carry: text, calls of the agent's own tools with their results, and images and
 * files inside the request itself. Whatever the provider would fetch, run or look up is refused,
 * because it is a way out of the sandbox (threat B12). Lists name what may pass, never what may not.
 */
import type { Api } from './types.ts';

type Json = Record<string, unknown>;

/** Content nests at most: message, tool result, document, text. */
const MAX_DEPTH = 4;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const named = (value: unknown): string => JSON.stringify(value)?.slice(0, 80) ?? 'nothing';
const isData = (value: unknown): boolean => typeof value === 'string' && /^data:/i.test(value);

/** A check names what may not pass, or null. */
type Check = (part: Json, depth: number) => string | null;

/** Checks every element of a list; strings and absent content are text or nothing. */
function each(list: unknown, check: Check, depth: number): string | null {
  if (list === undefined || list === null || typeof list === 'string') return null;
  if (!Array.isArray(list) || depth > MAX_DEPTH) return 'content of an unknown form';
  for (const part of list) {
    if (typeof part === 'string') continue;
    const found = isObject(part) ? check(part, depth) : 'content of an unknown form';
    if (found !== null) return found;
  }
  return null;
}

const TOOL_TYPES: Record<Api, readonly unknown[]> = {
  responses: ['function', 'custom'],
  chat: ['function', 'custom'],
  messages: [undefined, null, 'custom'],
};

/** Names the first tool that would not run in the agent's own process, or null. */
export function checkTools(api: Api, tools: unknown): string | null {
  return each(tools, toolCheck(api), 0);
}

/** A namespace is a name for a list of tools (Responses API); it runs nothing itself. */
function toolCheck(api: Api): Check {
  return (tool, depth) => {
    if (api === 'responses' && tool.type === 'namespace') {
      return each(tool.tools, toolCheck(api), depth + 1);
    }
    return TOOL_TYPES[api].includes(tool.type) ? null : `a tool of type ${named(tool.type)}`;
  };
}

const RESPONSES_TEXT: ReadonlySet<unknown> = new Set([
  'input_text',
  'output_text',
  'text',
  'refusal',
  'summary_text',
  'reasoning_text',
]);

const responsesPart: Check = (part) => {
  if (RESPONSES_TEXT.has(part.type)) return null;
  if (part.type === 'input_image' && isData(part.image_url) && part.file_id == null) return null;
  const foreign = part.file_id ?? part.file_url;
  if (part.type === 'input_file' && part.file_data != null && foreign == null) return null;
  return `content of type ${named(part.type)} from outside the request`;
};

const responsesItem: Check = (item, depth) => {
  switch (item.type) {
    case undefined:
    case null:
    case 'message':
      return each(item.content, responsesPart, depth + 1);
    case 'function_call':
    case 'custom_tool_call':
      return null;
    // Tools that are told within the conversation, so that the prefix before them stays the same.
    case 'additional_tools':
      return each(item.tools, toolCheck('responses'), depth + 1);
    case 'function_call_output':
    case 'custom_tool_call_output':
      return each(item.output, responsesPart, depth + 1);
    case 'reasoning':
      return (
        each(item.summary, responsesPart, depth + 1) ?? each(item.content, responsesPart, depth + 1)
      );
    default:
      return `an input item of type ${named(item.type)}`;
  }
};

const chatPart: Check = (part) => {
  if (part.type === 'text' || part.type === 'refusal') return null;
  const url = isObject(part.image_url) ? part.image_url.url : null;
  if (part.type === 'image_url' && isData(url)) return null;
  return `content of type ${named(part.type)} from outside the request`;
};

const chatMessage: Check = (message, depth) =>
  message.audio == null ? each(message.content, chatPart, depth + 1) : 'a message with audio';

const SOURCES: ReadonlySet<unknown> = new Set(['base64', 'text']);

const messagesBlock: Check = (block, depth) => {
  const source = isObject(block.source) ? block.source : {};
  switch (block.type) {
    case 'text':
    case 'thinking':
    case 'redacted_thinking':
    case 'tool_use':
      return null;
    case 'tool_result':
    case 'search_result':
      return each(block.content, messagesBlock, depth + 1);
    case 'image':
    case 'document':
      if (SOURCES.has(source.type)) return null;
      if (source.type === 'content') return each(source.content, messagesBlock, depth + 1);
      return `a source of type ${named(source.type)}`;
    default:
      return `content of type ${named(block.type)}`;
  }
};

/** Names the first piece of content that may not pass, or null. */
export function checkContent(api: Api, body: Json): string | null {
  switch (api) {
    case 'responses':
      return each(body.input, responsesItem, 0);
    case 'chat':
      return each(body.messages, chatMessage, 0);
    case 'messages':
      return (
        each(body.system, messagesBlock, 1) ??
        each(body.messages, (message, depth) => each(message.content, messagesBlock, depth + 1), 0)
      );
  }
}
