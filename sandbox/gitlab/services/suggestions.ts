/** Suggestions of diff notes: made with the note, followed over pushes, applied as a commit (§3.4). */
import type { Instance } from '../instance.ts';
import { branchHead, diff, readFileAt } from '../git/read.ts';
import { commitActions, updateRef } from '../git/write.ts';
import { badRequest, conflict, forbidden, notFound } from '../rest/reply.ts';
import { headSha, projectOf, userOf } from '../state/state.ts';
import type { MergeRequest, Note, Noteable, Project, Suggestion, User } from '../state/types.ts';
import { canChangeBranch } from './access.ts';
import { moveLine } from './moved-lines.ts';
import {
  contentFor,
  linesOf,
  overlap,
  rangeOf,
  replaceLines,
  suggestionBlocks,
} from './suggestion-blocks.ts';

/** A suggestion with everything it hangs on. */
export interface Found {
  project: Project;
  mr: MergeRequest;
  note: Note;
  suggestion: Suggestion;
}

/** Makes the suggestions of a note anew from its text; other notes than those on lines have none. */
export async function readSuggestions(
  gl: Instance,
  project: Project,
  item: Noteable,
  note: Note,
): Promise<void> {
  note.suggestions = [];
  const line = note.position?.new_line ?? null;
  if (item.kind !== 'merge_request' || note.position?.position_type !== 'text' || line === null) {
    return;
  }
  const file = await textAt(project, note.position.head_sha, note.position.new_path);
  for (const block of suggestionBlocks(note.body)) {
    const { from, to } = rangeOf(block, line);
    const fromContent = linesOf(file)
      .slice(from - 1, to)
      .join('');
    note.suggestions.push({
      id: gl.state.nextId('suggestion'),
      above: block.above,
      below: block.below,
      fromContent,
      toContent: contentFor(block.text, fromContent),
      applied: false,
      outdated: false,
      commitId: null,
    });
  }
}

/** Where its lines are now, from 1. */
export function linesOfSuggestion(note: Note, suggestion: Suggestion) {
  return rangeOf(suggestion, note.position?.new_line ?? 1);
}

/** GitLab's `appliable`, from what is stored; null when it is. */
export function whyNot(mr: MergeRequest, note: Note, suggestion: Suggestion): string | null {
  if (suggestion.applied) return "Can't apply this suggestion.";
  const edit = 'To apply this suggestion, edit this file directly.';
  if (mr.state === 'merged') return `This merge request was merged. ${edit}`;
  if (mr.state === 'closed') return `This merge request is closed. ${edit}`;
  if (suggestion.outdated || note.position?.head_sha !== headSha(mr)) {
    const lines = suggestion.above + suggestion.below === 0 ? 'this line was' : 'these lines were';
    return `Can't apply as ${lines} changed in a more recent version.`;
  }
  if (suggestion.fromContent === suggestion.toContent) {
    return 'This suggestion already matches its content.';
  }
  if (note.position.new_path.endsWith('.ipynb')) {
    return "This file was modified for readability, and can't accept suggestions. Edit it directly.";
  }
  return null;
}

export function findSuggestion(gl: Instance, id: number): Found | null {
  for (const project of gl.state.projects) {
    for (const mr of project.mergeRequests) {
      for (const note of mr.notes) {
        const suggestion = note.suggestions.find((one) => one.id === id);
        if (suggestion) return { project, mr, note, suggestion };
      }
    }
  }
  return null;
}

/**
 * Applies suggestions of one source branch as one commit: all or none.
 * @throws ApiFailure 403 without the right to push there, 400 with GitLab's reason otherwise
 */
export async function applySuggestions(
  gl: Instance,
  user: User,
  found: readonly Found[],
  message: string | undefined,
): Promise<void> {
  const [first] = found;
  if (!first) throw notFound();
  const { mr } = first;
  const project = projectOf(gl.state, mr.sourceProjectId);
  for (const one of found) {
    if (!canChangeBranch(project, user, one.mr.sourceBranch, 'push')) throw forbidden();
  }
  const head = await branchHead(project.gitDir, mr.sourceBranch);
  const refused = found.map((one) => refusal(one, first, head)).find((why) => why !== null);
  if (refused !== undefined) throw badRequest(refused);
  const before = head ?? '';
  const paths = [...new Set(found.map(({ note }) => note.position?.new_path ?? ''))];
  const actions = await Promise.all(
    paths.map(async (path) => {
      const here = found.filter(({ note }) => note.position?.new_path === path);
      const wanted = here.map(({ note, suggestion }) => ({
        ...linesOfSuggestion(note, suggestion),
        content: suggestion.toContent,
      }));
      if (overlap(wanted)) {
        throw badRequest('Suggestions are not applicable as their lines cannot overlap.');
      }
      const content = Buffer.from(replaceLines(await textAt(project, before, path), wanted));
      return { action: 'update', path, content } as const;
    }),
  );
  const authors = [...new Set(found.map(({ note }) => note.authorId))].map((id) =>
    userOf(gl.state, id),
  );
  const [only] = authors;
  const sha = await commitActions(project.gitDir, before, actions, {
    message: message ?? defaultMessage(found.length, paths.length, authors, user),
    committer: user,
    author: authors.length === 1 && only ? only : user,
    when: gl.clock(),
  });
  const ref = `refs/heads/${mr.sourceBranch}`;
  if (!(await updateRef(project.gitDir, ref, sha, before))) throw conflict('The branch moved');
  for (const { suggestion } of found) Object.assign(suggestion, { applied: true, commitId: sha });
  await gl.workers.afterPush(project, user, [{ ref, before, after: sha }]);
}

function refusal(one: Found, first: Found, head: string | null): string | null {
  const { project, mr, note, suggestion } = one;
  if (project !== first.project || mr.sourceBranch !== first.mr.sourceBranch) {
    return 'Suggestions must all be on the same branch.';
  }
  if (head === null) return "Can't apply as the source branch was deleted.";
  const why = whyNot(mr, note, suggestion);
  if (why !== null) return why;
  // The version of a push that was just made is not there yet.
  return note.position?.head_sha === head ? null : 'A file has been changed.';
}

function defaultMessage(
  count: number,
  files: number,
  authors: readonly User[],
  user: User,
): string {
  const others = authors.filter(({ id }) => id !== user.id);
  const credits = others.map(({ name, email }) => `Co-authored-by: ${name} <${email}>`).join('\n');
  return `Apply ${count} suggestion(s) to ${files} file(s)\n\n${credits}`;
}

/**
 * After a push: notes whose line is still there move with it to the new head, the others stay behind; and
 * suggestions whose lines changed are outdated for good.
 */
export async function followPush(
  project: Project,
  mr: MergeRequest,
  oldHead: string,
): Promise<void> {
  const version = mr.versions.at(-1);
  if (!version) return;
  const active = mr.notes.filter(
    ({ position }) => position?.position_type === 'text' && position.head_sha === oldHead,
  );
  if (active.length === 0) return;
  const shas = {
    base_sha: version.baseSha,
    start_sha: version.startSha,
    head_sha: version.headSha,
  };
  const between = await diff(project.gitDir, oldHead, version.headSha);
  const shown = await diff(project.gitDir, version.baseSha, version.headSha);
  for (const note of active) {
    const { position } = note;
    if (!position) continue;
    const file = between.find((one) => one.oldPath === position.new_path);
    const path = file?.newPath ?? position.new_path;
    const line = position.new_line === null ? null : moveLine(file?.diff ?? '', position.new_line);
    const whole = shown.find((one) => one.newPath === path);
    if (line !== null && file?.deletedFile !== true && whole) {
      const old = moveLine(whole.diff, line, 'back');
      const moved = { new_path: path, old_path: whole.oldPath, new_line: line, old_line: old };
      note.position = { ...position, ...shas, ...moved };
    }
    const text = linesOf(await textAt(project, version.headSha, path));
    for (const suggestion of note.suggestions) {
      const { from, to } = linesOfSuggestion(note, suggestion);
      suggestion.outdated ||= suggestion.fromContent !== text.slice(from - 1, to).join('');
    }
  }
}

async function textAt(project: Project, sha: string, path: string): Promise<string> {
  return (await readFileAt(project.gitDir, sha, path))?.content.toString() ?? '';
}
