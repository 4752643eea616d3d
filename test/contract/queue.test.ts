/** The queue's contract over every backend. */
import { afterAll, beforeAll, describe } from '@jest/globals';
import {
  available,
  type PostgresServer,
  type RedisServer,
  startPostgres,
  startRedis,
} from '../support/backends.ts';
import { declareMissing } from '../support/missing.ts';
import {
  newName,
  newPlace,
  type Place,
  queueAt,
  removeDir,
  storeAt,
} from '../support/queue-places.ts';
import { defineQueueContract } from './queue-contract.ts';

/** The whole contract for one place per suite. */
function contractAt(label: string, open: () => Promise<Place>): void {
  defineQueueContract(label, async () => {
    const place = await open();
    const store = await storeAt(place);
    return {
      store,
      openQueue: (log) => queueAt({ ...place, name: newName() }, store, log),
      close: async () => {
        await store.close();
        await removeDir(place.dataDir);
      },
    };
  });
}

contractAt('pglite', () => newPlace(null));

if (available('postgres')) describe('with a server', withPostgres);
else declareMissing('postgres', 'The queue contract');
if (!available('redis')) declareMissing('redis', 'The queue contract');

function withPostgres(): void {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  });
  afterAll(() => server.stop());
  contractAt('postgres', () => newPlace(server));
}

if (available('redis')) {
  describe('with Redis', () => {
    let redis: RedisServer;
    beforeAll(async () => {
      redis = await startRedis();
    });
    afterAll(() => redis.stop());
    contractAt('redis', () => newPlace(null, redis.url));
  });
}
