/** Rows about what lies around the bot: servers, the forge, models, runners, and whoever restarts it. */
import { clocks } from './clocks.ts';
import { expiredToken } from './expired-token.ts';
import { fullDisk } from './full-disk.ts';
import { gitlabWeather } from './gitlab-weather.ts';
import { lostGround } from './lost-ground.ts';
import { modelFaults } from './model-faults.ts';
import { postgresRestarts } from './postgres-restarts.ts';
import { rateLimit } from './rate-limit.ts';
import { redisGone } from './redis-gone.ts';
import { rollingRestarts } from './rolling-restarts.ts';
import type { FaultRow } from './row.ts';
import { runners } from './runners.ts';
import { zombies } from './zombies.ts';

/** What the bot stands on: its servers, its disk, its clocks, and whoever restarts it. */
export const SERVERS: readonly FaultRow[] = [
  redisGone,
  postgresRestarts,
  zombies,
  rollingRestarts,
  clocks,
  fullDisk,
];

/** What the bot talks to: the forge, models and runners. */
export const OTHERS: readonly FaultRow[] = [
  rateLimit,
  gitlabWeather,
  modelFaults,
  expiredToken,
  lostGround,
  runners,
];
