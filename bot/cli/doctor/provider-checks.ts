/** Providers and models that the bot leaves alone at present, and until when (docs/providers.md). */
import { coolText } from '../../decide/provider-text.ts';
import type { CoolDown } from '../../domain/cool-downs.ts';
import { listCoolDowns } from '../../store/providers.ts';
import type { Db } from '../../store/db.ts';
import { causeOf } from '../describe-error.ts';
import { bad, ok, warning, type Check, type DoctorDeps } from './check.ts';

/** What mends it, where waiting does not. */
const FIXES: Partial<Record<CoolDown['reason'], string>> = {
  quota: 'raise the spend limit or the credit of the account, then restart the bot or wait',
  unreachable: 'check the base URL of the provider, and that the bot reaches it',
};

/** One line per cool-down that holds; one when there is none. */
export async function checkCoolDowns(deps: DoctorDeps, store: Db): Promise<Check[]> {
  const now = deps.now();
  try {
    const rows = (await listCoolDowns(store)).filter(({ leftMs }) => leftMs > 0);
    if (rows.length === 0) return [ok('providers', 'none is limited or down')];
    return rows.map((row) => {
      const until = new Date(now.getTime() + row.leftMs);
      const which = row.model === null ? 'all of its models' : row.model;
      const detail = `${coolText(row.provider, { ...row, until }, now)} (${which})`;
      if (row.reason === 'key') {
        const name = row.provider === 'openai' ? 'OPENAI_API_KEY' : 'ANTHROPIC_API_KEY';
        return bad('providers', detail, `set ${name} to a key that is valid, and restart the bot`);
      }
      const wait = 'nothing: tasks go on with their other models until then';
      return warning('providers', detail, FIXES[row.reason] ?? wait);
    });
  } catch (error) {
    return [bad('providers', causeOf(error), 'run autodev migrate')];
  }
}
