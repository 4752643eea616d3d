/** `autodev migrate`: brings the database to the newest schema; `serve` does the same at its start. */
import { Command } from 'commander';
import { findInstallation } from '../config/installation.ts';
import { createLogger, secretsOf } from '../parts.ts';
import { migrate } from '../store/migrate.ts';
import { openStore } from '../store/store.ts';
import { requireConfig } from './require-config.ts';

export function migrateCommand(): Command {
  return new Command('migrate')
    .description('apply the migrations the database does not have yet')
    .option('--json', 'print the result as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const config = requireConfig();
      const log = createLogger(config, secretsOf(config));
      const store = await openStore({
        dataDir: config.dataDir,
        ...(config.databaseUrl === null ? {} : { databaseUrl: config.databaseUrl }),
        log: (message, error) => log.warn({ error: String(error) }, message),
      });
      try {
        const applied = await migrate(store, findInstallation(import.meta.dirname).migrationsDir);
        const text =
          applied.length === 0
            ? 'The database is up to date.'
            : `Applied ${applied.length === 1 ? 'migration' : 'migrations'} ${applied.join(', ')}.`;
        process.stdout.write(json ? `${JSON.stringify({ applied })}\n` : `${text}\n`);
      } finally {
        await store.close();
      }
    });
}
