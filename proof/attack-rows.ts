/** The proofs of who may make the bot act, of its doors, its jobs' identity and its bounds; `all.ts` plays them with the others. */
import type { Proof } from './proof.ts';
import { changedText } from './acting/changed-text.ts';
import { contributors } from './acting/contributors.ts';
import { gates } from './acting/gates.ts';
import { lookalikes } from './acting/lookalikes.ts';
import { lookups } from './acting/lookups.ts';
import { rights } from './acting/rights.ts';
import { budget } from './bounds/budget.ts';
import { cutStreams } from './bounds/cut-streams.ts';
import { endlessModels, fuzzedCalls } from './bounds/hostile-calls.ts';
import { orders } from './bounds/orders.ts';
import { readingTools } from './bounds/reading-tools.ts';
import { identity } from './doors/identity.ts';
import { intake } from './doors/intake.ts';
import { tokenCache } from './doors/token-cache.ts';
import { yamlBombs } from './doors/yaml-bombs.ts';

export const ATTACK_ROWS: readonly { module: string; name: string; proof: Proof }[] = [
  { module: 'acting/lookalikes.ts', name: 'lookalikes', proof: lookalikes },
  { module: 'acting/changed-text.ts', name: 'changedText', proof: changedText },
  { module: 'acting/rights.ts', name: 'rights', proof: rights },
  { module: 'acting/lookups.ts', name: 'lookups', proof: lookups },
  { module: 'acting/gates.ts', name: 'gates', proof: gates },
  { module: 'acting/contributors.ts', name: 'contributors', proof: contributors },
  { module: 'doors/intake.ts', name: 'intake', proof: intake },
  { module: 'doors/yaml-bombs.ts', name: 'yamlBombs', proof: yamlBombs },
  { module: 'doors/identity.ts', name: 'identity', proof: identity },
  { module: 'doors/token-cache.ts', name: 'tokenCache', proof: tokenCache },
  { module: 'bounds/budget.ts', name: 'budget', proof: budget },
  { module: 'bounds/orders.ts', name: 'orders', proof: orders },
  { module: 'bounds/cut-streams.ts', name: 'cutStreams', proof: cutStreams },
  { module: 'bounds/hostile-calls.ts', name: 'fuzzedCalls', proof: fuzzedCalls },
  { module: 'bounds/hostile-calls.ts', name: 'endlessModels', proof: endlessModels },
  { module: 'bounds/reading-tools.ts', name: 'readingTools', proof: readingTools },
];
