/** The effect that makes issues of a report: each once, none that is open already, never too many. */
import { createHash } from 'node:crypto';
import type { Receipt, RaisedIssue } from '../../domain/effects.ts';
import type { Run } from '../../domain/runs.ts';
import { issuesAsked, type IssueDraft } from '../../decide/drafts.ts';
import { neutraliseTitle } from '../publish/neutralise.ts';
import { secretInText } from '../publish/secret-scan.ts';
import { Words } from '../publish/report/words.ts';
import type { EffectContext } from './context.ts';
import { loadAttempt } from './told.ts';

/** By this label and their author the issues are found again; it starts no work. */
const LABEL = 'autodev-raised';
const TITLE_CHARS = 200;
const TEXT_CHARS = 8_000;

/** Makes the issues one after the other; after a crash those that are there are found by their markers. */
export async function raiseIssues(context: EffectContext<'raise_issues'>): Promise<Receipt> {
  const { effect, repo, deps } = context;
  const { run, attempt } = await loadAttempt(context, effect.run, effect.attempt);
  const drafts = issuesAsked(attempt.result?.report).made;
  const refused = await refusal(run, drafts, context);
  if (refused !== null) return { kind: 'raise_issues', outcome: 'refused', ...refused };
  const { tracker } = deps.forge;
  const bot = await deps.bot();
  // People may copy a marker, so only the bot's own issues count.
  const own = await tracker.findIssues(repo.projectId, { label: LABEL, authorId: bot.id });
  await context.begin();
  const issues: RaisedIssue[] = [];
  for (const [place, draft] of drafts.entries()) {
    const mine = markerOf(run, draft);
    const known =
      own.find(({ description }) => description.includes(mine)) ??
      own.find(({ description, open }) => open && description.includes(sameMarker(draft)));
    if (known !== undefined) {
      const as = known.description.includes(mine) ? 'made' : 'there';
      issues.push({ place, iid: known.iid, url: known.url, as });
      continue;
    }
    const after = draft.after.flatMap((at) => issues.find((one) => one.place === at)?.iid ?? []);
    const { iid, url } = await tracker.createIssue(repo.projectId, {
      title: neutraliseTitle(draft.title, TITLE_CHARS),
      description: draftText(draft, run, after, deps.forgeHost),
      labels: [LABEL],
    });
    issues.push({ place, iid, url, as: 'made' });
  }
  return { kind: 'raise_issues', outcome: 'raised', issues };
}

const DEVELOPER = 30;

/** What must hold at the moment of the write: rights, readers, and no secret in the words. */
async function refusal(
  run: Run,
  drafts: readonly IssueDraft[],
  { repo, deps }: EffectContext<'raise_issues'>,
): Promise<{ cause: string; next: string } | null> {
  const { read } = deps.forge;
  // A requester who lost his rights meanwhile cannot publish any more (threat A12).
  if ((await read.accessLevel(repo.projectId, run.requester.id)) < DEVELOPER) {
    return {
      cause: `@${run.requester.username}, who asked for this, may not write to the project any more. No issue was made.`,
      next: 'Someone with Developer can ask again.',
    };
  }
  // Everybody who can read the project reads the new issues (threat B1).
  if ((await read.issue(repo.projectId, run.target.iid)).confidential) {
    return {
      cause:
        'The issue became confidential meanwhile, and issues made of it would not be. No issue was made.',
      next: 'Describe the work in an issue that is not confidential.',
    };
  }
  for (const draft of drafts) {
    const text = draftText(draft, run, [], deps.forgeHost);
    const secret = await secretInText(`${draft.title}\n${text}`, deps.ownSecrets);
    if (secret === null) continue;
    return {
      cause: `An issue seems to hold a secret (${secret}). No issue was made.`,
      next: 'Check the job log; `/autodev retry <hint>` lets the agent try again.',
    };
  }
  return null;
}

/** One issue of one run: found again after a lost answer, in whatever state it is. */
function markerOf(run: Run, draft: IssueDraft): string {
  return `<!-- autodev:raised:${run.id}:${hash(draft.same)} -->`;
}

/** The same wish or bug in every run, so that it is not raised beside an open issue about it. */
function sameMarker(draft: IssueDraft): string {
  return `<!-- autodev:about:${hash(draft.same)} -->`;
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/** Where it comes from, what it is about in the model's words, and criteria to tick off. */
function draftText(
  draft: IssueDraft,
  run: Run,
  after: readonly number[],
  allowedHost: string,
): string {
  const words = new Words(allowedHost);
  const facts = [
    `From #${run.target.iid}, asked for by @${run.requester.username}.`,
    ...(draft.priority === null ? [] : [`Priority ${draft.priority} of 10.`]),
    ...(draft.size === null ? [] : [`Size ${draft.size}.`]),
    ...(after.length === 0 ? [] : [`Comes after ${after.map((iid) => `#${iid}`).join(', ')}.`]),
  ];
  return [
    markerOf(run, draft),
    sameMarker(draft),
    facts.join(' '),
    ...draft.parts.flatMap(({ heading, text, items }) => [
      ...(heading === undefined || (text === undefined && items?.length === 0)
        ? []
        : ['', `**${heading}**`]),
      ...(text === undefined ? [] : ['', ...words.quote(text, TEXT_CHARS)]),
      ...(items === undefined || items.length === 0
        ? []
        : [
            '',
            ...items.map(
              (item, at) => `${heading === 'Steps' ? `${at + 1}.` : '-'} ${words.line(item)}`,
            ),
          ]),
    ]),
    ...(draft.acceptance.length === 0
      ? []
      : [
          '',
          '**Acceptance criteria**',
          '',
          ...draft.acceptance.map((one) => `- [ ] ${words.line(one)}`),
        ]),
  ].join('\n');
}
