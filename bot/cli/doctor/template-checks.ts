/** The CI template as GitLab resolves it on the default branch. */
import { parse } from 'yaml';
import { z } from 'zod';
import { CI_FILE, ONBOARDING_BRANCH } from '../connect/onboarding-text.ts';
import { bad, ok, type Check, type DoctorDeps, type ProjectFacts } from './check.ts';

const MAX_ERRORS = 3;

const Plan = z.looseObject({
  id_tokens: z.looseObject({
    AUTODEV_ID_TOKEN: z.looseObject({ aud: z.union([z.string(), z.array(z.string())]) }),
  }),
  rules: z.array(z.looseObject({ if: z.string().optional() })).optional(),
  tags: z.array(z.string()).optional(),
});

const Merged = z.looseObject({
  'autodev-plan': Plan.optional(),
  'autodev-run': z.looseObject({}).optional(),
  '.autodev-only-for-the-bot': z
    .looseObject({ rules: z.array(z.looseObject({ if: z.string().optional() })).optional() })
    .optional(),
});

export interface TemplateLook {
  checks: Check[];
  /** Runner tags of the plan job; null when there is none. */
  planTags: string[] | null;
}

/** Whether the jobs of the template are there, and made for this bot. Throws ForgeError. */
export async function checkTemplate(
  deps: DoctorDeps,
  project: ProjectFacts,
): Promise<TemplateLook> {
  const { path, defaultBranch } = project;
  const lint = await deps.forge.setup.lint(project.id, defaultBranch);
  const merged = readMerged(lint.mergedYaml);
  const plan = merged?.['autodev-plan'];
  if (!lint.valid || plan === undefined || merged?.['autodev-run'] === undefined) {
    const check = await missingTemplate(deps, project, lint);
    return { checks: [check], planTags: null };
  }
  const connect = `autodev connect ${path}`;
  const { aud } = plan.id_tokens.AUTODEV_ID_TOKEN;
  const servers = typeof aud === 'string' ? [aud] : aud;
  const { publicUrl } = deps.config;
  const server = servers.includes(publicUrl)
    ? ok('template server', publicUrl)
    : bad(
        'template server',
        `jobs turn to ${servers.join(', ')}, the bot is ${publicUrl}`,
        `${connect}, or set AUTODEV_PUBLIC_URL to that address`,
      );
  const rules = plan.rules ?? merged['.autodev-only-for-the-bot']?.rules ?? [];
  const ids = botIds(rules.map((rule) => rule.if ?? ''));
  const id = String(project.bot.id);
  const bot = ids.includes(id)
    ? ok('template bot', `bot_user_id is ${id}`)
    : bad(
        'template bot',
        `bot_user_id is ${ids.join(', ') || 'not found'}, @${project.bot.username} is ${id}`,
        connect,
      );
  const found = ok(
    'template',
    `autodev-plan and autodev-run are in the pipeline of ${defaultBranch}`,
  );
  return { checks: [found, server, bot], planTags: plan.tags ?? [] };
}

async function missingTemplate(
  { forge }: DoctorDeps,
  project: ProjectFacts,
  lint: { valid: boolean; errors: string[] },
): Promise<Check> {
  const { id, path, defaultBranch } = project;
  const file = await forge.read.file(id, CI_FILE, defaultBranch);
  if (!lint.valid && file !== null) {
    const errors = lint.errors.slice(0, MAX_ERRORS).join('; ') || 'GitLab gives no reason';
    return bad(
      'template',
      `the pipeline of ${defaultBranch} is not valid: ${errors}`,
      `mend ${CI_FILE} on ${defaultBranch} (Build > Pipeline editor shows where)`,
    );
  }
  const change = await forge.write.findChange(id, ONBOARDING_BRANCH);
  const detail =
    file === null
      ? `${defaultBranch} has no ${CI_FILE}`
      : `${CI_FILE} of ${defaultBranch} does not include it`;
  const fix = change === null ? `autodev connect ${path}` : `merge !${change.iid}: ${change.url}`;
  return bad('template', detail, fix);
}

/** Null when it is no configuration as GitLab merges one. */
function readMerged(text: string): z.infer<typeof Merged> | null {
  try {
    const result = Merged.safeParse(parse(text));
    return result.success ? result.data : null;
  } catch {
    return null;
  }
}

function botIds(conditions: readonly string[]): string[] {
  const found = conditions.flatMap((text) =>
    [...text.matchAll(/\$GITLAB_USER_ID == "(\d{1,20})"/g)].map((match) => match[1] ?? ''),
  );
  return [...new Set(found)];
}
