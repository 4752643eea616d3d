/** What the include of the CI template says in one project. */
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Settings } from '../../../schema/wire/settings.ts';
import type { TemplateInputs } from './include-edit.ts';

/** GitLab runs no pipeline whose jobs are all in these (ci-templates/autodev.yml). */
const EDGES = new Set(['.pre', '.post']);

const Header = z.looseObject({
  spec: z.looseObject({
    inputs: z.record(z.string(), z.looseObject({ default: z.unknown().optional() }).nullable()),
  }),
});

export interface InputFacts {
  publicUrl: string;
  botId: number;
  ci: Settings['ci'];
  /** The template itself, whose defaults need not be repeated. */
  template: string;
  /** `.gitlab-ci.yml` as it is; null when there is none. */
  ciFile: string | null;
}

/**
 * `server` and `bot_user_id`, and of the rest only what differs from the template's defaults: tags,
 * image and strategy by the installation's settings, and a stage that exists where `test` does not.
 */
export function templateInputs(facts: InputFacts): TemplateInputs {
  const { publicUrl, botId, ci } = facts;
  const defaults = defaultsOf(facts.template);
  const stage = stageOf(facts.ciFile, defaults['stage']);
  const differs = (name: 'tags' | 'image' | 'strategy'): boolean =>
    JSON.stringify(ci[name]) !== JSON.stringify(defaults[name]);
  return {
    server: publicUrl,
    bot_user_id: String(botId),
    ...(differs('image') ? { image: ci.image } : {}),
    ...(differs('tags') ? { tags: ci.tags } : {}),
    ...(differs('strategy') ? { strategy: ci.strategy } : {}),
    ...(stage === null ? {} : { stage }),
  };
}

function defaultsOf(template: string): Record<string, unknown> {
  const [header] = [parseAllDocuments(template)].flat();
  const { inputs } = Header.parse(header?.toJS()).spec;
  return Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input?.default]));
}

/** A stage of the project's own; null when the default one exists. */
function stageOf(ciFile: string | null, usual: unknown): string | null {
  const last = [parseAllDocuments(ciFile ?? '')].flat().at(-1);
  let stages: unknown;
  try {
    stages = (last?.toJS() as { stages?: unknown } | null | undefined)?.stages;
  } catch {
    // A file that cannot be read is the include's matter.
    return null;
  }
  if (!Array.isArray(stages) || stages.includes(usual)) return null;
  const own = stages.find(
    (stage): stage is string => typeof stage === 'string' && !EDGES.has(stage),
  );
  return own ?? null;
}
