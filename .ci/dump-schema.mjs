// `npm run schema:dump`: writes schema/sql/schema.dump.sql, the schema that the migrations make on a fresh
// embedded database. People review the dump of a change; a test and `npm run check` compare it.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dumpSchema } from '../bot/store/dump-schema.ts';
import { migrate } from '../bot/store/migrate.ts';
import { openStore } from '../bot/store/store.ts';
import { root } from './tools.mjs';

const dataDir = await mkdtemp(join(tmpdir(), 'autodev-dump-'));
try {
  const store = await openStore({ dataDir });
  await migrate(store);
  await writeFile(join(root, 'schema', 'sql', 'schema.dump.sql'), await dumpSchema(store));
  await store.close();
} finally {
  await rm(dataDir, { recursive: true, force: true });
}
