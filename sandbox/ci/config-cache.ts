/**
 * Remembers resolved configurations, because resolving one takes about a second. What a configuration comes
 * to depends on its text, on what it includes, and on the variables it mentions: two pipelines that have
 * these in common have the same jobs, whatever their commits and projects are. Where it may depend on more
 * (files of the commit, includes that are not read here), nothing is remembered.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { PipelineConfig } from './config.ts';
import { filledIn, textsOf, withoutAddresses, type Texts } from './config-texts.ts';
import type { CiEngine, PipelineSpec } from './contract.ts';
import { readCommit, resolveConfig } from './resolve-config.ts';
import type { Resolved } from './resolve-config.ts';
import type { Commit, Variables } from './variables.ts';
import { pipelineVariables } from './variables.ts';

const MAX_ENTRIES = 200;

export type Loaded =
  (Extract<Resolved, { ok: true }> & { commit: Commit }) | Extract<Resolved, { ok: false }>;

/** Plain data without addresses, so that another sandbox can use it. */
interface Entry {
  /** Names of variables that its texts mention, with the values they had; null for none. */
  mentioned: readonly (readonly [string, string | null])[];
  /** The project, where the configuration names it. */
  project: string | null;
  config: PipelineConfig;
}

type Values = Readonly<Record<string, string | undefined>>;

export class ConfigCache {
  readonly #entries = new Map<string, Entry[]>();
  readonly #at: { workDir: string; serverUrl: string };
  readonly #keepDir: string | null;

  /** `keepDir`: where configurations are kept for other sandboxes; absent: they are not. */
  constructor(at: { workDir: string; serverUrl: string; keepDir?: string | undefined }) {
    const { workDir, serverUrl, keepDir } = at;
    this.#at = { workDir, serverUrl };
    this.#keepDir = keepDir ?? null;
  }

  /** The configuration for one pipeline. */
  async load(spec: PipelineSpec, projectVariables: Variables): Promise<Loaded> {
    const commit = await readCommit(spec);
    if (commit === null) return { ok: false, errors: ['Reference not found'] };
    const at = { ...this.#at, projectVariables };
    const texts = await textsOf(spec, this.#at.serverUrl);
    if (texts === null) {
      const resolved = await resolveConfig(spec, commit, at);
      return resolved.ok ? { ...resolved, commit } : resolved;
    }
    const variables: Values = {
      ...pipelineVariables(spec, this.#at.serverUrl, commit),
      ...projectVariables,
      ...spec.variables,
    };
    const known = (await this.#known(texts.key)).find(
      ({ project, mentioned }) =>
        (project === null || project === spec.project.path) &&
        mentioned.every(([name, value]) => valueOf(variables, name, texts) === value),
    );
    if (known) return { ok: true, fetched: false, config: filledIn(known.config, texts), commit };
    const asked = texts.yaml === undefined ? spec : { ...spec, yaml: texts.yaml };
    const resolved = await resolveConfig(asked, commit, at);
    if (!resolved.ok) return resolved;
    await this.#remember(texts, entryOf(spec, texts, resolved.config, variables));
    return { ...resolved, config: filledIn(resolved.config, texts), commit };
  }

  async #known(key: string): Promise<Entry[]> {
    const here = this.#entries.get(key);
    if (here !== undefined || this.#keepDir === null) return here ?? [];
    const kept = await readFile(this.#fileOf(this.#keepDir, key), 'utf8')
      .then((text) => JSON.parse(text) as Entry[])
      .catch(() => []);
    this.#entries.set(key, kept);
    return kept;
  }

  async #remember({ key }: Texts, entry: Entry): Promise<void> {
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
    const entries = [...(await this.#known(key)), entry];
    this.#entries.set(key, entries);
    if (this.#keepDir === null) return;
    await mkdir(this.#keepDir, { recursive: true });
    const own = path.join(this.#keepDir, `${randomUUID()}.tmp`);
    await writeFile(own, JSON.stringify(entries));
    await rename(own, this.#fileOf(this.#keepDir, key));
  }

  #fileOf(dir: string, key: string): string {
    return path.join(dir, `${key}.json`);
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

function entryOf(
  spec: PipelineSpec,
  texts: Texts,
  resolved: PipelineConfig,
  variables: Values,
): Entry {
  const plain = withoutAddresses(JSON.stringify(resolved), texts.addresses);
  const text = `${texts.all}\n${withoutAddresses(resolved.mergedYaml, texts.addresses)}`;
  const names = new Set([...Object.keys(variables), ...(text.match(/\b[A-Z][A-Z0-9_]+\b/g) ?? [])]);
  const mentioned = [...names]
    .filter((name) => new RegExp(`\\b${name}\\b`).test(text))
    .map((name) => [name, valueOf(variables, name, texts)] as const);
  const project = plain.includes(spec.project.path) ? spec.project.path : null;
  return { mentioned, project, config: JSON.parse(plain) as PipelineConfig };
}

function valueOf(variables: Values, name: string, { addresses }: Texts): string | null {
  const value = variables[name];
  return value === undefined ? null : withoutAddresses(value, addresses);
}
