import { describe, expect, test } from '@jest/globals';
import { prepareRequest } from '../../../bot/gateway/prepare-request.ts';
import type { Api } from '../../../bot/gateway/types.ts';

const LIMITS = { defaultOutputTokens: 100, maxOutputTokens: 1000 };
const BASE: Record<Api, object> = {
  responses: { model: 'm', input: 'x' },
  chat: { model: 'm', messages: [{ role: 'user', content: 'x' }] },
  messages: { model: 'm', messages: [{ role: 'user', content: 'x' }] },
};
const prepare = (api: Api, extra: object) =>
  prepareRequest(api, Buffer.from(JSON.stringify({ ...BASE[api], ...extra })), LIMITS);
const item = (type: string, rest: object = {}) => ({ input: [{ type, ...rest }] });
const part = (...content: object[]) => ({ input: [{ role: 'user', content }] });
const chatPart = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
const PIXEL = 'data:image/png;base64,iVBORw0KGgo=';
const WEB = 'https://collect.example.com/x.png';

/** What would leave the sandbox by way of the provider (threat B12), be stored, or cost more. */
const REFUSED: [Api, string, object][] = [
  ...['web_search', 'web_search_preview', 'file_search', 'code_interpreter', 'mcp', 'computer']
    .concat(['computer_use_preview', 'image_generation', 'local_shell', 'shell', 'tool_search'])
    .concat(['apply_patch', 'programmatic_tool_calling', 'future_tool', ''])
    .map((type): [Api, string, object] => ['responses', 'tool', { tools: [{ type }] }]),
  ['responses', 'tool', { tools: [{ name: 'no type' }] }],
  ['responses', 'tool', { tools: [{ type: 'function', name: 'f' }, { type: 'web_search' }] }],
  ['responses', 'tool', { tools: [{ type: 'namespace', tools: [{ type: 'web_search' }] }] }],
  ['responses', 'tool', { tools: { type: 'web_search' } }],
  ['responses', 'tool', { tools: [['web_search']] }],
  ['chat', 'tool', { tools: [{ type: 'web_search' }] }],
  ...['web_search_20250305', 'web_fetch_20260318', 'code_execution_20260521', 'computer_20251124']
    .concat(['bash_20250124', 'memory_20250818', 'mcp_toolset', 'browser_toolset_20260801'])
    .map((type): [Api, string, object] => ['messages', 'tool', { tools: [{ type, name: 'x' }] }]),
  ['responses', 'field', { background: true }],
  ['responses', 'field', { store: true }],
  ['responses', 'field', { previous_response_id: 'resp_1' }],
  ['responses', 'field', { conversation: 'conv_1' }],
  ['responses', 'field', { prompt: { id: 'pmpt_1' } }],
  ['responses', 'field', { service_tier: 'priority' }],
  ['responses', 'field', { service_tier: 'fast' }],
  ['responses', 'field', { webhook_url: WEB }],
  ['chat', 'field', { web_search_options: {} }],
  ['chat', 'field', { store: true }],
  ['chat', 'field', { n: 2 }],
  ['chat', 'field', { modalities: ['text', 'audio'] }],
  ['chat', 'field', { audio: { voice: 'x' } }],
  ['messages', 'field', { mcp_servers: [{ type: 'url', url: WEB }] }],
  ['messages', 'field', { container: 'c' }],
  ['messages', 'field', { fallbacks: [{ model: 'dearer' }] }],
  ['messages', 'field', { speed: 'fast' }],
  ['messages', 'field', { inference_geo: 'us' }],
  ['responses', 'content', part({ type: 'input_image', image_url: WEB })],
  ['responses', 'content', part({ type: 'input_image', file_id: 'file-1' })],
  ['responses', 'content', part({ type: 'input_image', image_url: PIXEL, file_id: 'file-1' })],
  ['responses', 'content', part({ type: 'input_file', file_url: WEB })],
  ['responses', 'content', part({ type: 'input_file', file_data: 'x', file_url: WEB })],
  ['responses', 'content', part({ type: 'input_text', text: 'x' }, { type: 'future' })],
  ['responses', 'content', item('item_reference', { id: 'msg_1' })],
  ['responses', 'content', item('web_search_call')],
  ['responses', 'content', item('mcp_approval_response', { approve: true })],
  ['responses', 'content', item('additional_tools', { tools: [{ type: 'web_search' }] })],
  [
    'responses',
    'content',
    item('function_call_output', { output: [{ type: 'input_image', image_url: WEB }] }),
  ],
  ['chat', 'content', chatPart({ type: 'image_url', image_url: { url: WEB } })],
  ['chat', 'content', chatPart({ type: 'image_url', image_url: WEB })],
  ['chat', 'content', chatPart({ type: 'file', file: { file_id: 'f' } })],
  ['chat', 'content', { messages: [{ role: 'assistant', audio: { id: 'a' } }] }],
  ['messages', 'content', chatPart({ type: 'image', source: { type: 'url', url: WEB } })],
  ['messages', 'content', chatPart({ type: 'document', source: { type: 'url', url: WEB } })],
  ['messages', 'content', chatPart({ type: 'image', source: { type: 'file', file_id: 'f' } })],
  ['messages', 'content', chatPart({ type: 'container_upload', file_id: 'f' })],
  ['messages', 'content', chatPart({ type: 'server_tool_use', name: 'web_search' })],
  [
    'messages',
    'content',
    chatPart({
      type: 'tool_result',
      content: [{ type: 'image', source: { type: 'url', url: WEB } }],
    }),
  ],
  [
    'messages',
    'content',
    chatPart({
      type: 'document',
      source: { type: 'content', content: [{ type: 'image', source: { type: 'url' } }] },
    }),
  ],
  ['messages', 'content', { system: [{ type: 'image', source: { type: 'url', url: WEB } }] }],
];

describe('refused', () => {
  test.each(REFUSED)('%s %s %j', (api, kind, extra) => {
    const result = prepare(api, extra);
    expect(result).toMatchObject({
      ok: false,
      refusal: { status: 403, code: `${kind}_not_allowed`, fix: expect.any(String) },
    });
  });

  test('content nested without end is refused, not followed', () => {
    let content: object[] = [];
    for (let i = 0; i < 50; i++) content = [{ type: 'tool_result', content }];
    expect(prepare('messages', chatPart(...content))).toMatchObject({ ok: false });
  });
});

const PASSED: [Api, object][] = [
  ['responses', { tools: [{ type: 'function', name: 'f' }], previous_response_id: null }],
  ['responses', { tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'function' }] }] }],
  ['responses', item('additional_tools', { tools: [{ type: 'custom', name: 'f' }] })],
  ['responses', { client_metadata: { client: 'x' } }],
  ['responses', { tools: [{ type: 'custom', name: 'f' }], background: false, conversation: null }],
  ['responses', part({ type: 'input_image', image_url: PIXEL }, { type: 'input_text', text: WEB })],
  ['responses', part({ type: 'input_file', filename: 'a', file_data: PIXEL })],
  [
    'responses',
    { input: [{ type: 'reasoning', id: 'r', summary: [], encrypted_content: 'x' }], store: false },
  ],
  ['responses', item('function_call_output', { call_id: 'c', output: 'x' })],
  ['responses', item('custom_tool_call', { call_id: 'c', name: 'x', input: 'y' })],
  ['chat', chatPart({ type: 'text', text: WEB }, { type: 'image_url', image_url: { url: PIXEL } })],
  ['chat', { tools: [{ type: 'function', function: { name: 'f' } }], n: 1, modalities: ['text'] }],
  ['chat', { messages: [{ role: 'assistant', content: null, tool_calls: [] }] }],
  ['messages', { tools: [{ name: 'f', input_schema: {} }], system: [{ type: 'text', text: 'x' }] }],
  ['messages', { tools: [{ type: 'custom', name: 'f' }], thinking: { type: 'adaptive' } }],
  ['messages', chatPart({ type: 'tool_result', tool_use_id: 't', content: 'x' })],
  ['messages', chatPart({ type: 'image', source: { type: 'base64', data: 'x' } })],
  ['messages', chatPart({ type: 'thinking', thinking: 'x', signature: 's' })],
];

describe('passed', () => {
  test.each(PASSED)('%s %j', (api, extra) => {
    expect(prepare(api, extra)).toMatchObject({ ok: true });
  });

  test.each<[Api, object, object]>([
    ['responses', {}, { max_output_tokens: 100, store: false, service_tier: 'default' }],
    ['responses', { max_output_tokens: 5000 }, { max_output_tokens: 1000 }],
    ['responses', { max_output_tokens: 50, service_tier: 'flex' }, { service_tier: 'flex' }],
    ['chat', {}, { max_completion_tokens: 100 }],
    ['chat', { max_tokens: 5000 }, { max_tokens: 1000 }],
    ['chat', { max_tokens: 7, max_completion_tokens: 9999 }, { max_completion_tokens: 1000 }],
    ['chat', { stream: true }, { stream_options: { include_usage: true } }],
    [
      'chat',
      { stream: true, stream_options: { include_usage: false, include_obfuscation: false } },
      { stream_options: { include_usage: true, include_obfuscation: false } },
    ],
    ['messages', {}, { max_tokens: 100 }],
    ['messages', { max_tokens: 1e9 }, { max_tokens: 1000 }],
  ])('%s %j becomes %j', (api, extra, expected) => {
    const result = prepare(api, extra);
    expect(result.ok && JSON.parse(result.request.body)).toMatchObject(expected);
  });

  test('what is not touched keeps its order, so that a prompt prefix stays the same', () => {
    const result = prepare('messages', { system: 'a', tools: [], max_tokens: 9 });
    expect(result.ok && Object.keys(JSON.parse(result.request.body) as object)).toEqual([
      ...['model', 'messages', 'system', 'tools', 'max_tokens'],
    ]);
  });
});

test.each(['', '[]', '"x"', 'null', '{"model":1}', '{"model":""}', '{"model":"m","stream":1}'])(
  '%j is not a request',
  (text) => {
    const result = prepareRequest('chat', Buffer.from(text), LIMITS);
    expect(result).toMatchObject({ ok: false, refusal: { status: 400 } });
  },
);

test.each([0, -1, 1.5, '100', 1e300, {}])('%j is no number of tokens', (max) => {
  for (const [api, field] of [
    ['responses', 'max_output_tokens'],
    ['chat', 'max_tokens'],
    ['messages', 'max_tokens'],
  ] as const) {
    expect(prepare(api, { [field]: max })).toMatchObject({ ok: false, refusal: { status: 400 } });
  }
});
