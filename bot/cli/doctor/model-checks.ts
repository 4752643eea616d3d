/** Settings, agents, and the keys of the model providers. */
import { loadInstallationAgents, type AgentsByRole } from '../../config/agent-overrides.ts';
import { loadAgents, loadSettings, loadWorkflows } from '../../config/settings.ts';
import type { Settings } from '../../../schema/wire/settings.ts';
import { causeOf } from '../describe-error.ts';
import { checkJobs } from './engine-checks.ts';
import { ANSWER_MS, bad, guarded, ok, warning, type Check, type DoctorDeps } from './check.ts';

type Provider = 'openai' | 'anthropic';

/** Path of the model list below each base URL; the cheapest request that needs a good key. */
const PROVIDERS: Readonly<
  Record<Provider, { variable: string; path: string; headers(key: string): Record<string, string> }>
> = {
  openai: {
    variable: 'OPENAI',
    path: '/models',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
  },
  anthropic: {
    variable: 'ANTHROPIC',
    path: '/v1/models',
    headers: (key) => ({ 'x-api-key': key, 'anthropic-version': '2023-06-01' }),
  },
};

const NAMES: readonly Provider[] = ['openai', 'anthropic'];

/** Settings and agents as the bot would load them. */
export async function checkSettings(
  deps: DoctorDeps,
): Promise<{ checks: Check[]; settings: Settings | null; agents: AgentsByRole | null }> {
  const { config, files } = deps;
  const file = config.settingsFile ?? files.settingsFile;
  const dir = config.agentsDir ?? files.agentsDir;
  let settings: Settings | null = null;
  let loaded: AgentsByRole | null = null;
  const first = await guarded(
    'settings',
    () => {
      settings = loadSettings(file);
      return ok('settings', file);
    },
    `mend ${file}; AUTODEV_SETTINGS names another one`,
  );
  let jobs: Check[] = [];
  const second = await guarded(
    'agents',
    () => {
      const options = { settingsFile: file, forced: config.llmProvider };
      const agents = settings ? loadInstallationAgents(dir, settings, options) : loadAgents(dir);
      loaded = agents;
      loadWorkflows(files.workflowsDir, agents);
      const all = Object.values(agents).filter((agent) => agent !== undefined);
      if (settings !== null) jobs = checkJobs(settings, all);
      if (all.length === 0) {
        const fix = 'set AUTODEV_AGENTS_DIR to the folder with the agents';
        return bad('agents', `there is none in ${dir}`, fix);
      }
      const unusable = unusableAgents(deps, all);
      const forced = config.llmProvider;
      const only = forced === null ? '' : `; AUTODEV_LLM_PROVIDER holds all of them to ${forced}`;
      return unusable ?? ok('agents', `${all.length} in ${dir}, every model has a price${only}`);
    },
    `mend the files in ${dir}; AUTODEV_AGENTS_DIR names another folder`,
  );
  return { checks: [first, second, ...jobs], settings, agents: loaded };
}

/** Agents whose providers all lack a key; with no key at all that is the keys' check. */
function unusableAgents(
  { config }: DoctorDeps,
  agents: readonly { role: string; settings: { models: readonly { provider: Provider }[] } }[],
): Check | null {
  if (NAMES.every((name) => config.providers[name] === null)) return null;
  const without = agents.filter((agent) =>
    agent.settings.models.every(({ provider }) => config.providers[provider] === null),
  );
  const [first] = without;
  if (first === undefined) return null;
  const wanted = [...new Set(first.settings.models.map(({ provider }) => provider))];
  const keys = wanted.map((provider) => `${PROVIDERS[provider].variable}_API_KEY`).join(' or ');
  const roles = without.map((agent) => agent.role).join(', ');
  return bad('agents', `no provider of ${roles} has a key`, `set ${keys}`);
}

/** One check per provider that has a key; one that says so when none has. */
export async function checkModelKeys(deps: DoctorDeps): Promise<Check[]> {
  const configured = NAMES.filter((name) => deps.config.providers[name] !== null);
  if (configured.length === 0) {
    const fix = 'set OPENAI_API_KEY or ANTHROPIC_API_KEY';
    return [bad('model keys', 'no provider has a key, so no agent can work', fix)];
  }
  return Promise.all(configured.map((name) => checkKey(deps, name)));
}

async function checkKey(deps: DoctorDeps, provider: Provider): Promise<Check> {
  const { variable, path, headers } = PROVIDERS[provider];
  const name = `${provider} key`;
  const { baseUrl, apiKey } = deps.config.providers[provider] ?? { baseUrl: '', apiKey: '' };
  let status: number;
  try {
    const signal = AbortSignal.timeout(ANSWER_MS);
    const request = { headers: headers(apiKey), signal, redirect: 'manual' as const };
    const response = await deps.fetch(`${baseUrl}${path}`, request);
    await response.body?.cancel();
    status = response.status;
  } catch (error) {
    const fix = `check ${variable}_BASE_URL, and that this machine reaches it`;
    return bad(name, `${baseUrl} does not answer: ${causeOf(error)}`, fix);
  }
  if (status >= 200 && status < 300) return ok(name, `${baseUrl} takes it`);
  if (status === 401) {
    return bad(
      name,
      `${baseUrl} refuses it (401)`,
      `set ${variable}_API_KEY to a key that is valid`,
    );
  }
  const [detail, fix] = unproved(status, variable);
  return warning(name, `${baseUrl} ${detail}`, fix);
}

/** Answers that neither prove nor disprove a key. */
function unproved(status: number, variable: string): [detail: string, fix: string] {
  if (status === 403) {
    return [
      'does not let it list models (403)',
      `nothing, if the key may call models; else set ${variable}_API_KEY to one that may`,
    ];
  }
  if (status === 429) {
    return ['answers 429: too many requests, or no credit', 'check the limits of the account'];
  }
  if (status >= 500) {
    return [`is troubled (${status})`, 'wait; agents fall back to another provider meanwhile'];
  }
  return [
    `has no list of models (${status}), so the key is not proved`,
    `check that ${variable}_BASE_URL is the base URL of the API`,
  ];
}
