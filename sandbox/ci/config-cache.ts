/** Remembers resolved configurations: the same commit asked for in the same way is read once. */
import { createHash } from 'node:crypto';
import type { CiEngine, PipelineSpec } from './contract.ts';
import { readCommit, resolveConfig } from './resolve-config.ts';
import type { Resolved } from './resolve-config.ts';
import type { Commit, Variables } from './variables.ts';

const MAX_ENTRIES = 200;
export type Loaded =
  (Extract<Resolved, { ok: true }> & { commit: Commit }) | Extract<Resolved, { ok: false }>;

export class ConfigCache {
  readonly #entries = new Map<string, Loaded>();
  readonly #at: { workDir: string; serverUrl: string };

  constructor(at: { workDir: string; serverUrl: string }) {
    this.#at = at;
  }

  /** The configuration for one pipeline. */
  async load(spec: PipelineSpec, projectVariables: Variables): Promise<Loaded> {
    const commit = await readCommit(spec);
    if (commit === null) return { ok: false, errors: ['Reference not found'] };
    const { parent: _parent, ...rest } = spec;
    const key = createHash('sha256')
      .update(JSON.stringify([rest, projectVariables]))
      .digest('hex');
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    const resolved = await resolveConfig(spec, commit, { ...this.#at, projectVariables });
    if (!resolved.ok) return resolved;
    const loaded = { ...resolved, commit };
    if (!resolved.fetched) {
      if (this.#entries.size >= MAX_ENTRIES) this.#entries.clear();
      this.#entries.set(key, loaded);
    }
    return loaded;
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
