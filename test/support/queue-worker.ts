/**
 * A worker process that takes one delivery, says `claimed <id>` and then hangs until it is killed.
 * Arguments: JSON {databaseUrl?, redisUrl?, dataDir, name}.
 */
import { openQueue } from '../../bot/queue/queue.ts';
import { claimDelivery } from '../../bot/store/deliveries.ts';
import { newLeaseOwner } from '../../bot/store/leases.ts';
import { openStore } from '../../bot/store/store.ts';

/** Short, so that the test does not wait long for it to run out. */
const LEASE_SECONDS = 3;

interface Options {
  databaseUrl?: string;
  redisUrl?: string;
  dataDir: string;
  name: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as Options;
const { databaseUrl, redisUrl, dataDir, name } = options;
const store = await openStore({ dataDir, ...(databaseUrl !== undefined && { databaseUrl }) });
const queue = await openQueue({ store, name, ...(redisUrl !== undefined && { redisUrl }) });
queue.work(
  {
    delivery: async ({ id }) => {
      const claimed = await claimDelivery(store, id, newLeaseOwner(), LEASE_SECONDS);
      if (claimed === null) return;
      process.stdout.write(`claimed ${id}\n`);
      await new Promise(() => undefined);
    },
    effect: async () => undefined,
    sweep: async () => undefined,
  },
  { concurrency: 1 },
);
process.stdout.write('ready\n');
