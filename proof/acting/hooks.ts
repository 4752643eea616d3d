/** Payloads as GitLab sends them, for all the ways in which somebody can seem to ask for work. */

export interface Asked {
  project: number;
  iid: number;
  actor: number;
  name: string;
  /** Whoever wrote the issue or the note, where that is somebody else. */
  other: number;
  command: string;
  /** A number that no other payload has. */
  n: number;
  /** What the issue says, if it is not the same as ever. */
  title?: string;
  description?: string;
}

/** What an issue says. */
export const SAID = { title: 'Add a thing', description: 'Please.' };

export interface Way {
  name: string;
  /** Whether somebody with the right to it starts work this way; a way that nobody can use is false. */
  starts: boolean;
  event: string;
  payload(asked: Asked): object;
}

const base = ({ project, actor, name }: Asked): object => ({
  user: { id: actor, username: name },
  project: {
    ...{ id: project, path_with_namespace: `group/p${project}`, default_branch: 'main' },
    web_url: `https://gitlab.example.com/group/p${project}`,
  },
});

const issue = ({ project, iid, other, ...asked }: Asked, more: object = {}): object => ({
  ...{ id: iid, iid, project_id: project },
  ...{ title: asked.title ?? SAID.title, description: asked.description ?? SAID.description },
  ...{ state: 'opened', author_id: other, labels: [], type: 'Issue', ...more },
});

const note = (asked: Asked, more: object = {}, on: object = {}): object => ({
  ...{ object_kind: 'note', event_type: 'note' },
  ...base(asked),
  object_attributes: {
    ...{ id: asked.n, note: `/autodev ${asked.command}`, noteable_type: 'Issue' },
    ...{ action: 'create', author_id: asked.actor, project_id: asked.project, system: false },
    ...more,
  },
  issue: issue(asked),
  ...on,
});

const label = (asked: Asked, title: string): object => ({ id: asked.n, title, color: '#fff' });
const issueEvent = (asked: Asked, action: string, more: object, changes: object = {}): object => ({
  ...{ object_kind: 'issue', event_type: 'issue' },
  ...base(asked),
  object_attributes: issue(asked, { action, updated_at: new Date().toISOString(), ...more }),
  changes,
});
const labelled = (asked: Asked, title: string): object =>
  issueEvent(
    asked,
    'update',
    { labels: [label(asked, title)] },
    { labels: { previous: [], current: [label(asked, title)] } },
  );

const NOTE = 'Note Hook';
const ISSUE = 'Issue Hook';

export const WAYS: readonly Way[] = [
  { name: 'a comment', starts: true, event: NOTE, payload: (asked) => note(asked) },
  {
    ...{ name: 'a comment of an old GitLab without action', starts: true, event: NOTE },
    payload: (asked) => note(asked, { action: undefined }),
  },
  {
    ...{ name: 'a label', starts: true, event: ISSUE },
    payload: (asked) => labelled(asked, `autodev::${asked.command}`),
  },
  {
    ...{ name: 'a label by the quick action of a comment', starts: true, event: ISSUE },
    payload: (asked) => labelled(asked, 'autodev'),
  },
  {
    ...{ name: 'an issue that was made with the label', starts: true, event: ISSUE },
    payload: (asked) => issueEvent(asked, 'open', { labels: [label(asked, 'autodev')] }),
  },
  {
    ...{ name: 'an edited comment of their own', starts: false, event: NOTE },
    payload: (asked) => note(asked, { action: 'update', updated_by_id: asked.actor }),
  },
  {
    ...{ name: 'a comment of theirs that somebody else edited', starts: false, event: NOTE },
    payload: (asked) => note(asked, { action: 'update', updated_by_id: asked.other }),
  },
  {
    ...{ name: 'somebody else’s comment that they edited', starts: false, event: NOTE },
    payload: (asked) =>
      note(
        asked,
        { action: 'update', updated_by_id: asked.actor, author_id: asked.other },
        { user: { id: asked.other, username: 'other' } },
      ),
  },
  {
    ...{ name: 'a system note', starts: false, event: NOTE },
    payload: (asked) => note(asked, { system: true }),
  },
  {
    ...{ name: 'a quoted command', starts: false, event: NOTE },
    payload: (asked) => note(asked, { note: `> /autodev ${asked.command}` }),
  },
  {
    ...{ name: 'a command in code', starts: false, event: NOTE },
    payload: (asked) => note(asked, { note: `\`\`\`\n/autodev ${asked.command}\n\`\`\`` }),
  },
  {
    ...{ name: 'a comment on a commit', starts: false, event: NOTE },
    payload: (asked) =>
      note(
        asked,
        { noteable_type: 'Commit', commit_id: 'a'.repeat(40) },
        { issue: undefined, commit: { id: 'a'.repeat(40) } },
      ),
  },
  {
    ...{ name: 'a command in a new issue’s description', starts: false, event: ISSUE },
    payload: (asked) => issueEvent(asked, 'open', { description: `/autodev ${asked.command}` }),
  },
  {
    ...{ name: 'an issue that is opened again with the label', starts: false, event: ISSUE },
    payload: (asked) => issueEvent(asked, 'reopen', { labels: [label(asked, 'autodev')] }),
  },
  {
    ...{ name: 'an update of an issue that has the label', starts: false, event: ISSUE },
    payload: (asked) =>
      issueEvent(
        asked,
        'update',
        { labels: [label(asked, 'autodev')] },
        { title: { previous: 'a', current: 'b' } },
      ),
  },
  {
    ...{ name: 'an assignment', starts: false, event: ISSUE },
    payload: (asked) =>
      issueEvent(asked, 'update', { assignee_ids: [99] }, { assignees: { previous: [] } }),
  },
  {
    ...{ name: 'a mention', starts: false, event: NOTE },
    payload: (asked) => note(asked, { note: `@autodev ${asked.command} please` }),
  },
  {
    ...{ name: 'an emoji', starts: false, event: 'Emoji Hook' },
    payload: (asked) => ({
      ...{ object_kind: 'emoji', event_type: 'award' },
      ...base(asked),
      object_attributes: { id: asked.n, name: 'rocket', awardable_type: 'Issue', user_id: 1 },
      issue: issue(asked),
    }),
  },
  {
    ...{ name: 'the description of a merge request', starts: false, event: 'Merge Request Hook' },
    payload: (asked) => ({
      ...{ object_kind: 'merge_request', event_type: 'merge_request' },
      ...base(asked),
      object_attributes: {
        ...{ id: asked.n, iid: asked.iid, action: 'open', state: 'opened', title: 'x' },
        ...{ description: `/autodev ${asked.command}`, source_branch: 'x', target_branch: 'main' },
        ...{ source_project_id: asked.project, target_project_id: asked.project },
        last_commit: { id: 'a'.repeat(40) },
      },
    }),
  },
];
