/** F4: tokens that begin alike, at once, are never each other. */
import { createAuthorizer } from '../../bot/gateway/authorize.ts';
import type { Grant } from '../../bot/gateway/types.ts';
import { GRANT } from '../../test/support/gateway.ts';
import { sha256 } from '../../test/support/store-rows.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const AT_ONCE = 1_000;

async function play(_: number, random: Random): Promise<Played> {
  const prefix = random.token(random.pick([0, 20, 200]));
  const tokens = Array.from({ length: AT_ONCE }, (_n, at) => `${prefix}${random.token(8)}${at}`);
  const grants = new Map<string, Grant>();
  for (const [at, token] of tokens.entries()) {
    grants.set(sha256(token).toString('hex'), { ...GRANT, attemptId: at });
  }
  let now = 0;
  const ended = new Set<number>();
  const authorize = createAuthorizer(
    {
      authorize: (hash) => {
        const grant = grants.get(hash.toString('hex'));
        return Promise.resolve(grant === undefined || ended.has(grant.attemptId) ? null : grant);
      },
    },
    { now: () => now, cacheMs: 2_000, cacheEntries: 500 },
  );
  const about = `${AT_ONCE} tokens with ${prefix.length} characters in common`;
  for (let round = 0; round < 2; round += 1) {
    const got = await Promise.all(tokens.map(authorize));
    const wrong = got.findIndex((grant, at) => grant?.attemptId !== at);
    if (wrong !== -1) return broken(about, `token ${wrong} is taken for ${got[wrong]?.attemptId}`);
  }
  if ((await authorize(`${prefix}nobody`)) !== null) return broken(about, 'nobody was let in');
  // One of those that are remembered still.
  ended.add(0);
  now += 2_001;
  const over = await authorize(tokens[0] ?? '');
  return over === null ? held(about) : broken(about, 'a job that is over is let in');
}

export const tokenCache: Proof = {
  id: 'F4',
  name: 'A thousand tokens that begin alike are a thousand identities, and none outlives its job',
  layer: 'functions',
  runs: { ci: 5, full: 300 },
  play,
  mutants: [
    {
      name: 'remembered by the whole token',
      file: 'bot/gateway/authorize.ts',
      from: "const key = hash.toString('hex');",
      to: 'const key = token.slice(0, 20);',
    },
    {
      name: 'remembered for a moment',
      file: 'bot/gateway/authorize.ts',
      from: 'seen.until > options.now()',
      to: 'true',
    },
  ],
};
