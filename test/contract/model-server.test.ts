/** The scripted model server against the official SDKs: what they parse is what it must speak. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { startModelServer } from '../../sandbox/model/server.ts';
import type { ModelServer } from '../../sandbox/model/server.ts';
import { loadScripts, scriptFromSteps, scriptFromYaml } from '../../sandbox/model/scripts.ts';
import { fileURLToPath } from 'node:url';
import { until } from '../support/until.ts';

const TEXT = 'Zuerst lese ich die Datei, dann ändere ich sie. 🙂 And then some more words.';
const ARGS = { path: 'src/cli.ts', note: 'quotes " and \n lines — ü' };

let server: ModelServer;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  server = await startModelServer({
    scripts: [
      scriptFromSteps({
        name: 'length',
        matches: (c) => c.model === 'short',
        steps: [{ text: 'cut o', stop: 'length' }],
      }),
      scriptFromSteps({
        name: 'main',
        matches: (c) => c.model === 'scripted',
        steps: [
          { text: TEXT, toolCalls: [{ name: 'read_file', arguments: ARGS }] },
          { expect: 'content of', text: 'Done.' },
        ],
      }),
    ],
  });
  openai = new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: server.keys.openai,
    maxRetries: 0,
    logLevel: 'off',
  });
  anthropic = new Anthropic({
    baseURL: server.url,
    apiKey: server.keys.anthropic,
    maxRetries: 0,
  });
});
afterAll(() => server.close());

const SYSTEM = 'You are careful. '.repeat(40);
const functionTool = { name: 'read_file', description: 'reads', parameters: { type: 'object' } };
const respond = {
  model: 'scripted',
  instructions: SYSTEM,
  tools: [{ type: 'function' as const, strict: false, ...functionTool }],
};

describe('responses', () => {
  test('answers without a stream, then counts the repeated prefix as cached', async () => {
    const first = await openai.responses.create({ ...respond, input: 'go' });
    expect(first.output_text).toBe(TEXT);
    const call = first.output.find((item) => item.type === 'function_call');
    expect(JSON.parse(call!.arguments)).toEqual(ARGS);
    expect(first.usage!.input_tokens_details.cached_tokens).toBe(0);
    expect(first.usage!.output_tokens).toBeGreaterThan(10);

    const second = await openai.responses.create({
      ...respond,
      input: [
        { role: 'user', content: 'go' },
        ...first.output,
        { type: 'function_call_output', call_id: call!.call_id, output: 'content of the file' },
      ] as OpenAI.Responses.ResponseInput,
    });
    expect(second.output_text).toBe('Done.');
    const cached = second.usage!.input_tokens_details.cached_tokens;
    expect(cached).toBeGreaterThan(0.9 * first.usage!.input_tokens);
    expect(cached).toBeLessThan(second.usage!.input_tokens);
    expect(server.requests.at(-1)!.conversation).toMatchObject({
      system: SYSTEM,
      turn: 2,
      messages: [
        { role: 'user', text: 'go' },
        { role: 'assistant', text: TEXT, toolCalls: [{ name: 'read_file' }] },
        { role: 'tool', text: 'content of the file' },
      ],
    });
  });

  test('streams what the accumulator of the SDK puts together again', async () => {
    const stream = openai.responses.stream({ ...respond, input: 'go' });
    const deltas: string[] = [];
    stream.on('response.output_text.delta', (event) => deltas.push(event.delta));
    const final = await stream.finalResponse();
    expect(deltas.join('')).toBe(TEXT);
    expect(deltas.length).toBeGreaterThan(2);
    expect(final.output.map((item) => item.type)).toEqual(['message', 'function_call']);
    expect(JSON.parse((final.output[1] as { arguments: string }).arguments)).toEqual(ARGS);
    expect(final.usage!.total_tokens).toBeGreaterThan(100);
  });

  test('says when the answer was cut by its length', async () => {
    const response = await openai.responses.create({ model: 'short', input: 'go' });
    expect(response.status).toBe('incomplete');
    expect(response.incomplete_details?.reason).toBe('max_output_tokens');
  });
});

describe('chat completions', () => {
  const request = {
    model: 'scripted',
    messages: [
      { role: 'system' as const, content: SYSTEM },
      { role: 'user' as const, content: 'go' },
    ],
    tools: [{ type: 'function' as const, function: functionTool }],
  };

  test('answers without a stream', async () => {
    const answer = await openai.chat.completions.create(request);
    expect(answer.choices[0]!.message.content).toBe(TEXT);
    expect(answer.choices[0]!.finish_reason).toBe('tool_calls');
    expect(answer.usage!.prompt_tokens).toBeGreaterThan(100);
  });

  test('streams, with usage only when it is asked for', async () => {
    const stream = openai.chat.completions.stream({
      ...request,
      stream_options: { include_usage: true },
    });
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]!.message.content).toBe(TEXT);
    const call = final.choices[0]!.message.tool_calls![0]!;
    expect(call.type === 'function' && JSON.parse(call.function.arguments)).toEqual(ARGS);
    expect(final.usage!.total_tokens).toBeGreaterThan(100);

    const bare = await openai.chat.completions.create({ ...request, stream: true });
    for await (const chunk of bare) expect(chunk.usage).toBeUndefined();
  });

  test('reads tool results', async () => {
    const answer = await openai.chat.completions.create({
      ...request,
      messages: [
        ...request.messages,
        {
          role: 'assistant',
          content: TEXT,
          tool_calls: [
            { id: 'c1', type: 'function', function: { name: 'read_file', arguments: '{}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'content of x' },
      ],
    });
    expect(answer.choices[0]!.message.content).toBe('Done.');
  });
});

describe('messages', () => {
  const request = {
    model: 'scripted',
    max_tokens: 1000,
    system: [
      { type: 'text' as const, text: SYSTEM, cache_control: { type: 'ephemeral' as const } },
    ],
    messages: [{ role: 'user' as const, content: 'go' }] as Anthropic.MessageParam[],
    tools: [{ name: 'read_file', input_schema: { type: 'object' as const } }],
  };

  test('answers without a stream and with one, the same', async () => {
    const plain = await anthropic.messages.create(request);
    const streamed = await anthropic.messages.stream(request).finalMessage();
    expect(plain.content).toMatchObject([
      { type: 'text', text: TEXT },
      { type: 'tool_use', name: 'read_file', input: ARGS },
    ]);
    expect(streamed.content).toMatchObject([{ type: 'text', text: TEXT }, { input: ARGS }]);
    expect(streamed.stop_reason).toBe('tool_use');
    expect(plain.usage.cache_creation_input_tokens).toBeGreaterThan(100);
    expect(streamed.usage.cache_read_input_tokens).toBe(plain.usage.cache_creation_input_tokens);
    expect(streamed.usage.output_tokens).toBe(plain.usage.output_tokens);
  });

  test('caches nothing that was not marked', async () => {
    const unmarked = { ...request, system: SYSTEM };
    await anthropic.messages.create(unmarked);
    const again = await anthropic.messages.create(unmarked);
    expect(again.usage.cache_read_input_tokens).toBe(0);
    expect(again.usage.input_tokens).toBeGreaterThan(100);
  });

  test('reads tool results, and tells when one is not what the script expects', async () => {
    const turn2 = (content: string): Anthropic.MessageParam[] => [
      ...request.messages,
      { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'x', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content }] },
    ];
    const good = await anthropic.messages.create({ ...request, messages: turn2('content of x') });
    expect(good.content).toMatchObject([{ text: 'Done.' }]);
    await expect(
      anthropic.messages.create({ ...request, messages: turn2('ENOENT') }),
    ).rejects.toThrow('step 2: expected a result like /content of/, got: ENOENT');
  });
});

describe('faults and refusals', () => {
  test('a wrong key is refused on every route', async () => {
    const badOpenai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'no', maxRetries: 0 });
    const badAnthropic = new Anthropic({ baseURL: server.url, apiKey: 'no', maxRetries: 0 });
    await expect(badOpenai.responses.create({ model: 'scripted', input: 'x' })).rejects.toThrow(
      '401',
    );
    await expect(badOpenai.models.list()).rejects.toThrow('401');
    await expect(
      badAnthropic.messages.create({ model: 'scripted', max_tokens: 1, messages: [] }),
    ).rejects.toThrow('401');
    expect((await openai.models.list()).data).toHaveLength(1);
  });

  test('counted faults end, so that a retry gets through', async () => {
    server.fail({ status: 429, headers: { 'retry-after-ms': '1' } }, 2);
    const before = server.requests.length;
    const answer = await openai.responses.create({ ...respond, input: 'x' }, { maxRetries: 2 });
    expect(answer.output_text).toBe(TEXT);
    expect(server.requests.slice(before).map((call) => call.status)).toEqual([429, 429, 200]);
  });

  test.each([
    [{ cutAfterBytes: 700 }, /terminated|ended|closed|Premature|Connection/i],
    [{ malformedEventAt: 4 }, /malformed|JSON/i],
    [{ errorEventAt: 4 }, /broke off/],
    [{ reset: true as const }, /Connection error/],
  ])('a stream with %j fails in the SDK', async (fault, message) => {
    server.fail(fault);
    const run = async (): Promise<void> => {
      const stream = await openai.responses.create({ ...respond, input: 'x', stream: true });
      for await (const event of stream) void event;
    };
    await expect(run()).rejects.toThrow(message);
  });

  test.each([{ hang: true as const }, { hangAfterBytes: 900 }])(
    'with %j the server waits, and sees the client leave',
    async (fault) => {
      server.fail(fault);
      const stop = new AbortController();
      const request = { model: 'scripted', max_tokens: 9, messages: [], stream: true as const };
      const run = (async () => {
        const stream = await anthropic.messages.create(request, { signal: stop.signal });
        for await (const event of stream) if (event.type === 'message_start') stop.abort();
      })();
      if ('hang' in fault) setTimeout(() => stop.abort(), 50);
      await run.catch(() => undefined);
      const call = server.requests.at(-1)!;
      await until(() => call.aborted, 30_000, 'the server to see the end');
      expect(call.complete).toBe(false);
    },
  );

  test('a request no script matches is an error that names the cause', async () => {
    await expect(openai.responses.create({ model: 'other', input: 'x' })).rejects.toThrow(
      'No script matches',
    );
  });
});

describe('scripts in YAML', () => {
  test('the example loads and answers its turns', async () => {
    const folder = fileURLToPath(new URL('../../sandbox/model/scripts', import.meta.url));
    const scripts = await loadScripts(folder);
    const example = scripts.find((script) => script.name === 'example')!;
    const conversation = {
      provider: 'openai' as const,
      api: 'responses' as const,
      model: 'm',
      stream: false,
      system: '',
      messages: [{ role: 'user' as const, text: 'please say hello' }],
      tools: [],
      maxOutputTokens: null,
      turn: 1,
    };
    expect(example.matches(conversation)).toBe(true);
    expect(example.matches({ ...conversation, messages: [] })).toBe(false);
    expect(await example.answer(conversation, 2)).toEqual({
      toolCalls: [{ name: 'edit_file', arguments: { path: 'hello.txt', new_text: 'hello\n' } }],
    });
    expect((await example.answer(conversation, 9)).toolCalls).toBeUndefined();
  });

  describe('a step that chooses', () => {
    const script = scriptFromYaml(
      [
        'name: chooser',
        'steps:',
        '  - toolCalls: [{ name: read_file, arguments: { path: a } }]',
        '  - choose:',
        "      - { expect: 'red|blue', text: A colour. }",
        "      - { expect: 'seven', text: A number., delayMs: 5 }",
      ].join('\n'),
      'chooser.yaml',
    );
    const seen = (result: string) => ({
      provider: 'openai' as const,
      api: 'responses' as const,
      model: 'm',
      stream: false,
      system: '',
      messages: [{ role: 'tool' as const, id: '1', text: result, isError: false }],
      tools: [],
      maxOutputTokens: null,
      turn: 2,
    });

    test.each([
      ['it is blue', { text: 'A colour.' }],
      ['it is seven', { text: 'A number.', delayMs: 5 }],
      ['seven blue ones', { text: 'A colour.' }],
    ])('%j → %j', (result, answer) => {
      expect(script.answer(seen(result), 2)).toEqual(answer);
    });

    test('says what it wanted when nothing fits', () => {
      expect(() => script.answer(seen('it is round'), 2)).toThrow(
        'script chooser, step 2: expected a result like /red|blue/ or /seven/, got: it is round',
      );
    });
  });

  test('a mistake is named with its place', () => {
    expect(() => scriptFromYaml('name: x\nsteps:\n  - texd: a', 'x.yaml')).toThrow(
      /x\.yaml is not a model script[\s\S]*texd/,
    );
  });
});
