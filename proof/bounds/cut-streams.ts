/** Promise 12 and R16: a stream that is cut at any byte, broken off or ended in good order, is no turn. */
import { anthropicModel } from '../../jobs/engines/builtin/anthropic-model.ts';
import { openaiModel } from '../../jobs/engines/builtin/openai-model.ts';
import { ModelFailure, type AssistantTurn } from '../../jobs/engines/model.ts';
import { anthropicStream, openaiStream } from '../../test/contract/jobs-standin.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const REPLY = {
  text: 'Ünï 🙂.',
  calls: [{ name: 'edit_file', args: { path: 'ü', new_text: '' } }],
};
const STREAMS = [
  { name: 'openai', bytes: Buffer.from(openaiStream(REPLY)), make: openaiModel },
  { name: 'anthropic', bytes: Buffer.from(anthropicStream(REPLY)), make: anthropicModel },
];
/** Every cut of both streams, each broken off and ended in good order. */
const CUTS = STREAMS.flatMap((stream) =>
  Array.from({ length: stream.bytes.length }, (_, at) => ({ ...stream, at })),
);

async function turnOf(stream: (typeof STREAMS)[number], at: number, clean: boolean) {
  const options = { gateway: 'http://gateway.invalid', token: 't', model: 'm' };
  const model = stream.make({ ...options, onRequest: () => undefined });
  const own = globalThis.fetch;
  globalThis.fetch = () => {
    let sent = at === 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (!sent) controller.enqueue(new Uint8Array(stream.bytes.subarray(0, at)));
        else if (clean) controller.close();
        else controller.error(new Error('cut'));
        sent = true;
      },
    });
    const headers = { 'content-type': 'text/event-stream' };
    return Promise.resolve(new Response(body, { headers }));
  };
  try {
    const { signal } = new AbortController();
    const request = { instructions: 'i', transcript: [], tools: [], maxOutputTokens: 9, signal };
    return await model.turn(request);
  } catch (error) {
    if (error instanceof ModelFailure) return error.kind;
    throw error;
  } finally {
    globalThis.fetch = own;
  }
}

async function cut(index: number, random: Random): Promise<Played> {
  const one = CUTS[(index * 1_009) % CUTS.length];
  if (one === undefined) return held('nothing');
  const clean = random.chance(0.5);
  const about = `${one.name}, cut after ${one.at} of ${one.bytes.length} bytes`;
  const turn: AssistantTurn | string = await turnOf(one, one.at, clean);
  if (turn === 'cut') return held(about);
  if (typeof turn === 'string') return broken(about, `it counts as ${turn}`);
  const whole = await turnOf(one, one.bytes.length, true);
  if (JSON.stringify(turn) !== JSON.stringify(whole)) return broken(about, 'a part was taken');
  // Only what follows the last event may be missing.
  return one.at > one.bytes.length * 0.9 ? held(about) : broken(about, 'it counts as whole');
}

export const cutStreams: Proof = {
  id: 'P12 R16',
  name: 'A stream that is cut at any byte gives no turn, so that nothing is done by halves',
  layer: 'functions',
  runs: { ci: 300, full: CUTS.length * 2 },
  play: cut,
  mutants: [
    {
      name: 'an answer of OpenAI has its end',
      file: 'jobs/engines/builtin/openai-model.ts',
      from: "  throw new ModelFailure('cut', 'the stream ended before the answer was complete');",
      to: "  return toTurn(done, 'done', name);",
    },
    {
      name: 'an answer of Anthropic has its end',
      file: 'jobs/engines/builtin/anthropic-model.ts',
      from: "  throw new ModelFailure('cut', 'the stream ended before the answer was complete');",
      to: "  return toTurn([...blocks.values()], stop ?? 'end_turn', name);",
    },
  ],
};
