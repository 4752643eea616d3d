/** `autodev replay`: works on a stored delivery once more, as a new one. */
import { Command } from 'commander';
import { deliveryById, recentDeliveries, replayDelivery } from '../store/deliveries.ts';
import type { Store } from '../store/store.ts';
import { openReadyStore } from './open-ready-store.ts';
import { failure, requireConfig } from './require-config.ts';
import { createTerminal, type Terminal } from './terminal.ts';

const DEFAULT_ROWS = 20;
const MAX_ROWS = 500;
const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

interface Options {
  list?: boolean;
  limit: number;
  json?: boolean;
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('work on a stored delivery once more: one that was parked, ignored or done')
    .argument('[delivery]', 'id of the delivery, as --list shows it')
    .option('--list', 'show the newest deliveries with what became of them')
    .option('--limit <rows>', `how many --list shows, at most ${MAX_ROWS}`, rows, DEFAULT_ROWS)
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      '\nWhat was done already is found and not done twice.' +
        '\n\nExample:\n  autodev replay --list\n  autodev replay 6f1c2c1e-5f0a-4c7e-9d6b-1f5f6c1f3a52',
    )
    .action(async (id: string | undefined, options: Options) => {
      if ((id === undefined) !== (options.list === true) || (id !== undefined && !UUID.test(id))) {
        throw failure(
          'replay needs the id of one delivery, or --list.',
          id === undefined ? 'neither was given' : `"${id}" with these options is neither`,
          'autodev replay --list shows the ids',
          { exitCode: 2 },
        );
      }
      const store = await openReadyStore(requireConfig(), 'replay');
      try {
        const terminal = createTerminal();
        if (id === undefined) await list(store, terminal, options);
        else await replay(store, terminal, id.toLowerCase(), options.json === true);
      } finally {
        await store.close();
      }
    });
}

function rows(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= MAX_ROWS) return number;
  throw failure(
    `--limit ${text} is not a number of rows.`,
    `it goes from 1 to ${MAX_ROWS}`,
    `use e.g. --limit ${DEFAULT_ROWS}`,
    { exitCode: 2 },
  );
}

async function list(store: Store, terminal: Terminal, options: Options): Promise<void> {
  const found = await recentDeliveries(store, { limit: options.limit });
  if (options.json === true) {
    terminal.json(
      found.map(({ id, receivedAt, source, eventName, state, reason, attempts }) => {
        return { id, receivedAt, source, event: eventName, state, reason, attempts };
      }),
    );
    return;
  }
  if (found.length === 0) terminal.line('No delivery has arrived yet.');
  for (const { id, receivedAt, source, eventName, state, reason } of found) {
    const when = receivedAt.toISOString().slice(0, 19).replace('T', ' ');
    const what = `${source} ${eventName}`.padEnd(28);
    terminal.line(`${id}  ${when}  ${what}  ${state.padEnd(7)}  ${reason ?? ''}`.trimEnd());
  }
}

async function replay(store: Store, terminal: Terminal, id: string, json: boolean): Promise<void> {
  const copy = await replayDelivery(store, id);
  if (copy === null) {
    const why = 'the database has none with this id';
    throw failure(`There is no delivery ${id}.`, why, 'autodev replay --list shows the ids');
  }
  if (copy === 'waiting') {
    const row = await deliveryById(store, id);
    const reason = row?.reason ?? 'no worker has taken it yet';
    throw failure(
      `Delivery ${id} is not settled yet, so there is nothing to replay.`,
      `it is due at ${row?.notBefore.toISOString() ?? 'once'}; last: ${reason}`,
      'start the bot if it does not run (autodev serve), or wait',
    );
  }
  if (json) {
    terminal.json({ id: copy.id, replayOf: id, number: copy.number });
    return;
  }
  terminal.line(`Delivery ${id} is due again as ${copy.id} (replay ${copy.number}).`);
  terminal.line('A running bot takes it within seconds. What became of it: autodev replay --list');
}
