/** The database for commands that only look into it: opened, never migrated. */
import type { Config } from '../config/env.ts';
import { findInstallation } from '../config/installation.ts';
import { StoreError } from '../store/errors.ts';
import { pendingMigrations } from '../store/migrate.ts';
import { openStore, type Store } from '../store/store.ts';
import { causeOf, describeError } from './describe-error.ts';
import { failure, type UsageError } from './require-config.ts';

/** Opens the store as it is; the caller migrates it or closes it. */
export function openConfiguredStore(config: Config): Promise<Store> {
  return openStore({
    dataDir: config.dataDir,
    ...(config.databaseUrl === null ? {} : { databaseUrl: config.databaseUrl }),
  });
}

/** What a person at the terminal is told when the database cannot be opened. */
export function databaseFailure(config: Config, command: string, cause: unknown): UsageError {
  const what = `autodev ${command} cannot open the database.`;
  if (cause instanceof StoreError && cause.code === 'data_dir_locked') {
    const { why, fix } = describeError(cause);
    return failure(what, why, fix, { cause });
  }
  const fix =
    config.databaseUrl === null
      ? `check the folder ${config.dataDir} (AUTODEV_DATA_DIR)`
      : 'start PostgreSQL or correct DATABASE_URL';
  return failure(what, causeOf(cause), fix, { cause });
}

/**
 * Opens the database, which must have the newest schema. `command` is named in errors.
 * @throws UsageError when it is in use, cannot be reached or lacks migrations.
 */
export async function openReadyStore(config: Config, command: string): Promise<Store> {
  let store: Store;
  try {
    store = await openConfiguredStore(config);
  } catch (cause) {
    throw databaseFailure(config, command, cause);
  }
  try {
    const { migrationsDir } = findInstallation(import.meta.dirname);
    const pending = await pendingMigrations(store, migrationsDir);
    if (pending.length > 0) {
      throw failure(
        `autodev ${command} cannot read the database.`,
        `its schema is older than this AutoDev: ${pending.length} migrations are missing`,
        'run autodev migrate, or start the bot, which does the same',
      );
    }
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
