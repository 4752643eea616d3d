/** One embedded database for the proofs of this process and their mutants. */
import { newStore } from '../test/support/prepared-data.ts';
import type { Store } from '../bot/store/store.ts';

/** This module is loaded anew with every mutant; the database is not. */
const shared = globalThis as { proofStore?: ReturnType<typeof newStore> };

/** The database; opened once and closed when nothing is left to do. */
export async function sharedStore(): Promise<Store> {
  if (shared.proofStore === undefined) {
    const opened = newStore('embedded');
    shared.proofStore = opened;
    process.once('beforeExit', () => void opened.then(({ close }) => close()));
  }
  return (await shared.proofStore).store;
}
