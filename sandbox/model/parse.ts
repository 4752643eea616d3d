/** The three request formats, read into one provider-neutral conversation. */
import type { Api, Conversation, Message, ToolCall, ToolDefinition } from './types.ts';

type Json = Record<string, unknown>;

const asObject = (value: unknown): Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
const asList = (value: unknown): Json[] => (Array.isArray(value) ? value.map(asObject) : []);
const asString = (value: unknown): string => (typeof value === 'string' ? value : '');

/** Text of a content field: a string, or the text of its parts. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => asString(part.text))
    .filter((text) => text !== '')
    .join('\n');
}

/** Collects messages and merges what belongs to one answer of the model. */
class Collector {
  readonly system: string[] = [];
  readonly messages: Message[] = [];

  assistant(text: string, toolCalls: ToolCall[]): void {
    const last = this.messages.at(-1);
    if (last?.role === 'assistant') {
      last.text += text;
      last.toolCalls.push(...toolCalls);
    } else {
      this.messages.push({ role: 'assistant', text, toolCalls });
    }
  }

  add(role: string, text: string): void {
    if (role === 'system' || role === 'developer') this.system.push(text);
    else if (role === 'assistant') this.assistant(text, []);
    else this.messages.push({ role: 'user', text });
  }
}

function parseResponses(body: Json, into: Collector): void {
  if (typeof body.instructions === 'string') into.system.push(body.instructions);
  if (typeof body.input === 'string') into.add('user', body.input);
  for (const item of asList(body.input)) {
    const id = asString(item.call_id);
    switch (item.type) {
      case undefined:
      case 'message':
        into.add(asString(item.role), textOf(item.content));
        break;
      case 'function_call':
      case 'custom_tool_call': {
        const args = asString(item.type === 'function_call' ? item.arguments : item.input);
        into.assistant('', [{ id, name: asString(item.name), arguments: args }]);
        break;
      }
      case 'function_call_output':
      case 'custom_tool_call_output':
        into.messages.push({ role: 'tool', id, text: textOf(item.output), isError: false });
        break;
    }
  }
}

function parseChat(body: Json, into: Collector): void {
  for (const message of asList(body.messages)) {
    if (message.role === 'tool') {
      const id = asString(message.tool_call_id);
      into.messages.push({ role: 'tool', id, text: textOf(message.content), isError: false });
      continue;
    }
    if (message.role !== 'assistant') {
      into.add(asString(message.role), textOf(message.content));
      continue;
    }
    const calls = asList(message.tool_calls).map((call) => {
      const fn = asObject(call.function);
      return { id: asString(call.id), name: asString(fn.name), arguments: asString(fn.arguments) };
    });
    into.assistant(textOf(message.content), calls);
  }
}

function parseMessages(body: Json, into: Collector): void {
  const system = textOf(body.system);
  if (system !== '') into.system.push(system);
  for (const message of asList(body.messages)) {
    if (typeof message.content === 'string') {
      into.add(asString(message.role), message.content);
      continue;
    }
    for (const block of asList(message.content)) {
      if (block.type === 'tool_result') {
        const id = asString(block.tool_use_id);
        const isError = block.is_error === true;
        into.messages.push({ role: 'tool', id, text: textOf(block.content), isError });
      } else if (block.type === 'tool_use') {
        const call = { id: asString(block.id), name: asString(block.name) };
        into.assistant('', [{ ...call, arguments: JSON.stringify(block.input ?? {}) }]);
      } else if (block.type === 'text') {
        into.add(asString(message.role), asString(block.text));
      }
    }
  }
}

function parseTools(api: Api, body: Json): ToolDefinition[] {
  return asList(body.tools).map((tool) => {
    const source = api === 'chat' ? asObject(tool.function) : tool;
    return {
      name: asString(source.name),
      description: asString(source.description),
      parameters: (api === 'messages' ? source.input_schema : source.parameters) ?? null,
    };
  });
}

const PARSERS: Record<Api, (body: Json, into: Collector) => void> = {
  responses: parseResponses,
  chat: parseChat,
  messages: parseMessages,
};

/** `body` is the parsed request body. Never throws: what is missing is empty. */
export function parseConversation(api: Api, body: unknown): Conversation {
  const json = asObject(body);
  const into = new Collector();
  PARSERS[api](json, into);
  const max = json.max_output_tokens ?? json.max_completion_tokens ?? json.max_tokens;
  return {
    provider: api === 'messages' ? 'anthropic' : 'openai',
    api,
    model: asString(json.model),
    stream: json.stream === true,
    system: into.system.join('\n\n'),
    messages: into.messages,
    tools: parseTools(api, json),
    maxOutputTokens: typeof max === 'number' ? max : null,
    turn: 1 + into.messages.filter((message) => message.role === 'assistant').length,
  };
}
