/** A process that writes rows and prints each id once it is committed, until it is killed. */
import { insertDelivery } from '../../bot/store/deliveries.ts';
import { migrate } from '../../bot/store/migrate.ts';
import { openStore } from '../../bot/store/store.ts';

const store = await openStore({ dataDir: process.argv[2] ?? '' });
await migrate(store);
for (let i = 0; ; i += 1) {
  const { id } = await insertDelivery(store, {
    source: 'gitlab',
    dedupeKey: `written-${i}`,
    eventName: 'x',
    headers: {},
    body: 'b'.repeat(2_000),
  });
  process.stdout.write(`${id}\n`);
}
