/**
 * What the gateway adds to a model's answer: time to the first token beside the same call made directly,
 * and two hundred streams at once through one process, each of which must arrive whole.
 */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { claimAttempt } from '../bot/store/attempts.ts';
import { migrate } from '../bot/store/migrate.ts';
import { openStore } from '../bot/store/store.ts';
import { available, startPostgres } from '../test/support/backends.ts';
import { newWork, SPEC } from '../test/support/store-rows.ts';
import { figure, median, percentile, type Effort, type Figure } from './figure.ts';
import { rssMb, start, startServe, type Running } from './processes.ts';

const MODEL = 'gpt-6-astra';
/** What an agent sends on a later turn. */
const PROMPT = 'Some text of a conversation. '.repeat(2_000);
const STREAMS = 200;
/** An attempt may have 64 calls under way. */
const ATTEMPTS = 8;
const PIECES = 40;
const PIECE_MS = 50;

export async function benchGateway(effort: Effort): Promise<Figure[]> {
  if (!available('postgres')) {
    effort.say('left out: gateway, because PostgreSQL is not on this machine');
    return [];
  }
  const closing: (() => Promise<void>)[] = [];
  try {
    const server = await startPostgres([]);
    closing.push(server.stop);
    const databaseUrl = await server.newDatabase();
    const tokens = await claimTokens(databaseUrl);
    const quick = await startProvider(1, 0, closing);
    const slow = await startProvider(PIECES, PIECE_MS, closing);
    const bot = (provider: Running): Promise<Running> =>
      startServe('web', {
        ...{ DATABASE_URL: databaseUrl, OPENAI_API_KEY: 'bench' },
        OPENAI_BASE_URL: `${provider.url}/v1`,
      });
    const first = await bot(quick);
    closing.push(first.stop);
    const alone = await oneByOne(first, quick, tokens, effort);
    const second = await bot(slow);
    closing.push(second.stop);
    return [...alone, ...(await together(second, slow, tokens, effort))];
  } finally {
    for (const close of closing.toReversed()) await close();
  }
}

async function startProvider(
  pieces: number,
  everyMs: number,
  closing: (() => Promise<void>)[],
): Promise<Running> {
  const args = ['bench/provider.ts', String(pieces), String(everyMs)];
  const running = await start(process.execPath, args, {});
  closing.push(running.stop);
  return running;
}

/** Tokens of attempts that run, with money enough. */
async function claimTokens(databaseUrl: string): Promise<string[]> {
  const dir = await mkdtemp(path.join(tmpdir(), 'autodev-bench-'));
  const store = await openStore({ databaseUrl, dataDir: dir });
  try {
    await migrate(store);
    const tokens: string[] = [];
    for (let index = 0; index < ATTEMPTS; index += 1) {
      const work = await newWork(store, 24_000_000);
      const models = [{ provider: 'openai', model: MODEL }];
      await store.query('update attempts set spec = $2 where id = $1', [
        work.attempt.id,
        JSON.stringify({ ...SPEC, models }),
      ]);
      const token = `adt_${randomUUID()}`;
      await claimAttempt(store, work.attempt.id, {
        ...{ jti: randomUUID(), jobId: 1, childPipelineId: null },
        tokenHash: createHash('sha256').update(token).digest(),
        ...{ tokenSeconds: 3_600, deadlineSeconds: 3_600 },
      });
      tokens.push(token);
    }
    return tokens;
  } finally {
    await store.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Calls one after the other, directly and through the gateway in turn. */
async function oneByOne(
  bot: Running,
  provider: Running,
  tokens: string[],
  effort: Effort,
): Promise<Figure[]> {
  effort.say('gateway: one call at a time');
  const agent = new Agent({ keepAlive: true });
  const [ours, direct]: [number[], number[]] = [[], []];
  const turns = effort.quick ? 60 : 300;
  for (let turn = -20; turn < turns; turn += 1) {
    const token = tokens[Math.abs(turn) % tokens.length] ?? '';
    const away = await call(`${provider.url}/v1`, token, agent);
    const through = await call(`${bot.url}/gateway/openai/v1`, token, agent);
    // The first turns warm up connections and code.
    if (turn < 0) continue;
    direct.push(away.firstMs);
    ours.push(through.firstMs);
  }
  agent.destroy();
  const at = (share: number): [number, number] => [
    percentile(ours, share),
    percentile(direct, share),
  ];
  return [
    figure('gateway.first_token.p50', ...ms(at(0.5))),
    figure('gateway.first_token.p95', ...ms(at(0.95))),
    figure('gateway.first_token.added_p95', at(0.95)[0] - at(0.95)[1], 'ms'),
  ];
}

const ms = ([ours, direct]: [number, number]): [number, 'ms', number] => [ours, 'ms', direct];

/** All at once; a stream of PIECES that are PIECE_MS apart takes as long as it takes directly. */
async function together(
  bot: Running,
  provider: Running,
  tokens: string[],
  effort: Effort,
): Promise<Figure[]> {
  effort.say(`gateway: ${STREAMS} streams at once`);
  const agent = new Agent({ keepAlive: true, maxSockets: STREAMS });
  const all = (url: string): Promise<Call[]> =>
    Promise.all(
      Array.from({ length: STREAMS }, (_, index) =>
        call(url, tokens[index % tokens.length] ?? '', agent),
      ),
    );
  const atRest = await rssMb(bot.pid);
  let most = 0;
  const weigh = setInterval(() => {
    void rssMb(bot.pid).then((mb) => (most = Math.max(most, mb)));
  }, 50);
  const direct = await all(`${provider.url}/v1`);
  const ours = await all(`${bot.url}/gateway/openai/v1`);
  clearInterval(weigh);
  agent.destroy();
  const late = (calls: Call[], of: (call: Call) => number): number =>
    percentile(calls.map(of), 0.95);
  return [
    figure(`gateway.${STREAMS}_streams.whole_p50`, ...ms([medianOf(ours), medianOf(direct)])),
    figure(
      `gateway.${STREAMS}_streams.first_token_p95`,
      late(ours, (one) => one.firstMs),
      'ms',
      late(direct, (one) => one.firstMs),
    ),
    figure('gateway.memory.at_rest', atRest, 'MB'),
    figure(`gateway.memory.with_${STREAMS}_streams`, most, 'MB'),
  ];
}

const medianOf = (calls: Call[]): number => median(calls.map(({ wholeMs }) => wholeMs));

interface Call {
  firstMs: number;
  wholeMs: number;
}

/** One streamed call. Throws when it is refused or does not arrive whole. */
function call(base: string, token: string, agent: Agent): Promise<Call> {
  const body = JSON.stringify({
    ...{ model: MODEL, input: PROMPT, stream: true, max_output_tokens: 200 },
  });
  const headers = {
    authorization: `Bearer ${token}`,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const sent = request(`${base}/responses`, { method: 'POST', agent, headers }, (response) => {
      let text = '';
      let firstMs = NaN;
      response.on('error', reject).on('data', (part: Buffer) => {
        text += part.toString();
        if (Number.isNaN(firstMs) && text.includes('output_text.delta'))
          firstMs = performance.now() - began;
      });
      response.once('end', () => {
        const whole = response.statusCode === 200 && text.includes('response.completed');
        if (whole) resolve({ firstMs, wholeMs: performance.now() - began });
        else reject(new Error(`${response.statusCode}: ${text.slice(-300)}`));
      });
    });
    sent.once('error', reject);
    sent.end(body);
  });
}
