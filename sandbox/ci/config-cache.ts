/**
 * Remembers resolved configurations, because resolving one takes about a second. What a configuration comes
 * to depends on its text, on what it includes, and on the variables it mentions: two pipelines that have
 * these in common have the same jobs, whatever their commits are. Where it may depend on more (files of
 * the commit, includes that are not read here), nothing is remembered.
 */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { systemEnvironment } from '../env.ts';
import type { PipelineConfig } from './config.ts';
import type { CiEngine, PipelineSpec } from './contract.ts';
import { git } from './exec.ts';
import { CONFIG_FILE, readCommit, resolveConfig } from './resolve-config.ts';
import type { Resolved } from './resolve-config.ts';
import type { Commit, Variables } from './variables.ts';
import { pipelineVariables } from './variables.ts';

const MAX_ENTRIES = 200;
const FETCH_MS = 5_000;
/** Rules on files of the commit, and parts of a configuration that lie elsewhere. */
const DEPENDS_ON_FILES = /\b(?:changes|exists)\s*:/;
const HAS_INCLUDE = /^\s*-?\s*include\s*:/m;
/** Numbers in quotes, such as the ids that a child pipeline is made with: they decide nothing. */
const QUOTED_NUMBER = /"(\d{1,15})"/g;
/** Where they are put while the configuration is resolved. */
const PLACEHOLDER = 7_300_000_000;

export type Loaded =
  (Extract<Resolved, { ok: true }> & { commit: Commit }) | Extract<Resolved, { ok: false }>;

interface Entry {
  /** Names of variables that its texts mention, with the values they had. */
  mentioned: readonly (readonly [string, string | undefined])[];
  config: PipelineConfig;
}

/** The texts a configuration is made of, and the numbers that were taken out of it. */
interface Texts {
  key: string;
  all: string;
  yaml: string | undefined;
  numbers: readonly string[];
}

export class ConfigCache {
  readonly #entries = new Map<string, Entry[]>();
  readonly #at: { workDir: string; serverUrl: string };

  constructor(at: { workDir: string; serverUrl: string }) {
    this.#at = at;
  }

  /** The configuration for one pipeline. */
  async load(spec: PipelineSpec, projectVariables: Variables): Promise<Loaded> {
    const commit = await readCommit(spec);
    if (commit === null) return { ok: false, errors: ['Reference not found'] };
    const at = { ...this.#at, projectVariables };
    const texts = await textsOf(spec);
    if (texts === null) {
      const resolved = await resolveConfig(spec, commit, at);
      return resolved.ok ? { ...resolved, commit } : resolved;
    }
    const variables: Record<string, string | undefined> = {
      ...pipelineVariables(spec, this.#at.serverUrl, commit),
      ...projectVariables,
      ...spec.variables,
    };
    const key = `${texts.key} ${spec.mergeRequest !== undefined} ${JSON.stringify(spec.inputs)}`;
    const known = this.#entries
      .get(key)
      ?.find(({ mentioned }) => mentioned.every(([name, value]) => variables[name] === value));
    if (known)
      return { ok: true, fetched: false, config: withNumbers(known.config, texts), commit };
    const asked = texts.yaml === undefined ? spec : { ...spec, yaml: texts.yaml };
    const resolved = await resolveConfig(asked, commit, at);
    if (!resolved.ok) return resolved;
    this.#remember(key, texts, resolved.config, variables);
    return { ...resolved, config: withNumbers(resolved.config, texts), commit };
  }

  #remember(
    key: string,
    texts: Texts,
    config: PipelineConfig,
    variables: Record<string, string | undefined>,
  ): void {
    const text = `${texts.all}\n${config.mergedYaml}`;
    const names = new Set([
      ...Object.keys(variables),
      ...(text.match(/\b[A-Z][A-Z0-9_]+\b/g) ?? []),
    ]);
    const mentioned = [...names]
      .filter((name) => new RegExp(`\\b${name}\\b`).test(text))
      .map((name) => [name, variables[name]] as const);
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    this.#entries.set(key, [...(this.#entries.get(key) ?? []), { mentioned, config }]);
  }

  /** Checks a commit's configuration as a push to the default branch would resolve it. */
  async lint(
    project: PipelineSpec['project'],
    sha: string,
    projectVariables: Variables,
  ): ReturnType<CiEngine['lint']> {
    const user = { id: 0, username: 'lint', name: 'lint' };
    const loaded = await this.load(
      {
        project,
        ref: project.defaultBranch,
        sha,
        source: 'push',
        user,
        variables: {},
        inputs: {},
      },
      projectVariables,
    );
    return loaded.ok
      ? { valid: true, errors: [], mergedYaml: loaded.config.mergedYaml }
      : { valid: false, errors: loaded.errors, mergedYaml: '' };
  }
}

/** Null where what the configuration comes to may depend on more than these texts and variables. */
async function textsOf(spec: PipelineSpec): Promise<Texts | null> {
  const own = spec.yaml ?? (await fileAt(spec));
  if (own === null || DEPENDS_ON_FILES.test(own)) return null;
  const included = await includesOf(own);
  if (included === null) return null;
  const numbers: string[] = [];
  const masked =
    spec.yaml === undefined
      ? undefined
      : spec.yaml.replaceAll(QUOTED_NUMBER, (_, number: string) => {
          numbers.push(number);
          return `"${PLACEHOLDER + numbers.length - 1}"`;
        });
  const all = [masked ?? own, ...included].join('\n');
  const key = createHash('sha256').update(`${spec.project.path}\n${all}`).digest('hex');
  return { key, all, yaml: masked, numbers };
}

async function fileAt(spec: PipelineSpec): Promise<string | null> {
  const args = ['show', `${spec.sha}:${CONFIG_FILE}`];
  return git(spec.project.gitDir, args, systemEnvironment()).catch(() => null);
}

/** The text of every include; null when one is of another kind than `remote`, or includes something itself. */
async function includesOf(text: string): Promise<string[] | null> {
  if (!HAS_INCLUDE.test(text)) return [];
  let include: unknown;
  try {
    include = (parse(text, { logLevel: 'error' }) as { include?: unknown } | null)?.include;
  } catch {
    return null;
  }
  // An include that stands elsewhere than at the top belongs to a trigger job and is no part of this one.
  if (include === undefined) return [];
  const list = Array.isArray(include) ? include : [include];
  const texts: string[] = [];
  for (const entry of list) {
    const remote = (entry as { remote?: unknown } | null)?.remote;
    if (typeof remote !== 'string' || !remote.startsWith('http://127.0.0.1:')) return null;
    const answer = await fetch(remote, { signal: AbortSignal.timeout(FETCH_MS) }).catch(() => null);
    if (!answer?.ok) return null;
    const body = await answer.text();
    if (DEPENDS_ON_FILES.test(body) || /^include\s*:/m.test(body)) return null;
    texts.push(body);
  }
  return texts;
}

/** The configuration with the numbers of this very pipeline in their places. */
function withNumbers(config: PipelineConfig, { numbers }: Texts): PipelineConfig {
  if (numbers.length === 0) return config;
  const text = numbers.reduce(
    (filled, number, index) => filled.replaceAll(String(PLACEHOLDER + index), number),
    JSON.stringify(config),
  );
  return JSON.parse(text) as PipelineConfig;
}
