/** Rows about what lies around the bot: servers, the forge, models, runners, and whoever restarts it. */
import { postgresRestarts } from './postgres-restarts.ts';
import { redisGone } from './redis-gone.ts';
import type { FaultRow } from './row.ts';
import { zombies } from './zombies.ts';

export const SURROUNDINGS: readonly FaultRow[] = [redisGone, postgresRestarts, zombies];
