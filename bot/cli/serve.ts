/** `autodev serve`: runs the bot until it is told to stop. */
import { Command, Option } from 'commander';
import { startBot, type Role } from '../main.ts';
import { createLogger, secretsOf } from '../parts.ts';
import { requireConfig } from './require-config.ts';

export function serveCommand(): Command {
  return new Command('serve')
    .description('run the bot: web (webhooks, job API, gateway), worker (decides and acts), or all')
    .addOption(
      new Option('--role <role>', 'which part to run in this process')
        .choices(['web', 'worker', 'all'])
        .default('all'),
    )
    .action(async ({ role }: { role: Role }) => {
      const config = requireConfig();
      const log = createLogger(config, secretsOf(config));
      // Before anything is begun: told to stop while it starts, it ends as cleanly as later.
      const stopped = stopSignal();
      const bot = await startBot(config, role, log);
      const where = bot.url === null ? 'working' : `listening on ${bot.url}`;
      process.stdout.write(`AutoDev is ready, ${where} (${role}) for ${config.gitlab.url}\n`);
      await stopped;
      await bot.close();
    });
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function stopSignal(): Promise<void> {
  const stopped = Promise.withResolvers<void>();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      stopped.resolve();
      process.once(signal, () => process.exit(1));
    });
  }
  return stopped.promise;
}
