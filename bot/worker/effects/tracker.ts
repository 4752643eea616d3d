/** Effects that turn an approved plan into issues: the epic where the forge has one, and each child. */
import { createHash } from 'node:crypto';
import type { EpicChild } from '../../../schema/wire/report.ts';
import { planOf, titleKey } from '../../decide/epic.ts';
import type { Receipt } from '../../domain/effects.ts';
import type { Run } from '../../domain/runs.ts';
import { ForgeError } from '../../forge/errors.ts';
import { loadRun } from '../load-run.ts';
import { neutralise, neutraliseTitle } from '../publish/neutralise.ts';
import type { EffectContext } from './context.ts';

/** By this label and their author the children are found again; the marker says which one it is. */
const LABEL = 'autodev-epic';
const TITLE_CHARS = 200;
const TEXT_CHARS = 20_000;
const CRITERION_CHARS = 300;

/** Finds or makes the epic of the run's group; where there is none the issue itself is the parent. */
export async function createEpic(context: EffectContext<'create_epic'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { tracker } = deps.forge;
  const none: Receipt = { kind: 'create_epic', id: null, url: '' };
  const run = await load(context, effect.run);
  const { epics } = await tracker.capabilities(repo.projectId);
  if (!epics) return none;
  const marker = `<!-- autodev:epic:${repo.projectId}:${run.target.iid} -->`;
  try {
    const { username: author } = await deps.bot();
    const found = await tracker.findEpic(repo.projectId, { marker, author });
    if (found) return { kind: 'create_epic', ...found };
    await context.begin();
    const made = await tracker.createEpic(repo.projectId, {
      title: neutraliseTitle(run.context.title, TITLE_CHARS),
      description: [
        marker,
        `Asked for by @${run.requester.username} in ${repo.path}#${run.target.iid}.`,
      ].join('\n'),
    });
    return { kind: 'create_epic', ...made };
  } catch (error) {
    // A project token has no say in the group above: links between the issues do as well.
    if (error instanceof ForgeError && ['denied', 'invalid'].includes(error.kind)) {
      deps.log.warn({ run: run.id, error: error.message }, 'no epic was made; issues are linked');
      return none;
    }
    throw error;
  }
}

/** Finds or makes the issue of one child and links it; everything in it may be repeated. */
export async function createIssue(context: EffectContext<'create_issue'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { tracker } = deps.forge;
  const run = await load(context, effect.run);
  const child = planOf(run)?.children[effect.child];
  if (!child) throw new ForgeError('invalid', 'the plan has no such child');
  const marker = childMarker(run, child);
  const bot = await deps.bot();
  // People may copy a marker, so only the bot's own issues count.
  const own = await tracker.findIssues(repo.projectId, { label: LABEL, authorId: bot.id });
  const found = own.find(({ description }) => description.includes(marker));
  await context.begin();
  const made =
    found ??
    (await tracker.createIssue(repo.projectId, {
      title: neutraliseTitle(child.title, TITLE_CHARS),
      description: issueText(child, marker, run, effect.after, deps.forgeHost),
      labels: [LABEL],
    }));
  const { iid, url } = made;
  await tracker.link(
    repo.projectId,
    iid,
    effect.epic === null
      ? { as: 'related', iid: run.target.iid }
      : { as: 'child', epic: effect.epic },
  );
  if (effect.epic !== null) {
    for (const before of effect.after) {
      await tracker.link(repo.projectId, iid, { as: 'after', iid: before });
    }
  }
  return { kind: 'create_issue', iid, url };
}

/** The same child of the same issue has the same marker in every run, so that a new plan finds it. */
function childMarker(run: Run, child: EpicChild): string {
  const key = createHash('sha256').update(titleKey(child)).digest('hex').slice(0, 16);
  return `<!-- autodev:child:${run.target.iid}:${key} -->`;
}

/** What the child is about, by the model and approved by people; acceptance criteria to tick off. */
function issueText(
  child: EpicChild,
  marker: string,
  run: Run,
  after: readonly number[],
  allowedHost: string,
): string {
  const order =
    after.length === 0 ? '' : ` Comes after ${after.map((iid) => `#${iid}`).join(', ')}.`;
  const criteria = child.acceptance.map((item) => {
    const line = neutralise(item.replaceAll(/\s+/g, ' ').trim(), {
      allowedHost,
      maxChars: CRITERION_CHARS,
    });
    return `- [ ] ${line.replaceAll('\n', ' ')}`;
  });
  return [
    marker,
    `Part of #${run.target.iid}.${order} Priority ${child.priority} of 10.`,
    '',
    neutralise(child.text, { allowedHost, maxChars: TEXT_CHARS }).trim(),
    ...(criteria.length === 0 ? [] : ['', '## Acceptance criteria', '', ...criteria]),
  ].join('\n');
}

async function load(context: Pick<EffectContext, 'deps'>, runId: number): Promise<Run> {
  const loaded = await loadRun(context.deps.db, runId);
  if (!loaded) throw new ForgeError('invalid', `run ${runId} does not exist`);
  return loaded.run;
}
