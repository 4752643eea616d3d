/** Who worked on a merge request, so that nobody approves his own work (threats A7, A8). */
import { z } from 'zod';
import { ForgeError } from '../errors.ts';
import { listAll, parseAnswer } from './resources.ts';
import type { Resources } from './resources.ts';

export const CONTRIBUTOR_LIMITS = {
  /** Versions of one merge request; each push makes one. */
  versions: 1_000,
  /** Versions whose commits must be asked for one by one, because history was rewritten. */
  rewrittenVersions: 50,
  commits: 5_000,
  members: 10_000,
  /** System notes, one or more per push. */
  notes: 10_000,
} as const;

const ChangeAuthor = z.object({ author: z.object({ id: z.number().int() }).nullish() });

const VersionAnswer = z.object({
  id: z.number().int(),
  head_commit_sha: z.string().nullish(),
  base_commit_sha: z.string().nullish(),
});
type Version = z.infer<typeof VersionAnswer>;

const CommitAnswer = z.object({
  id: z.string(),
  author_name: z.string().nullish(),
  author_email: z.string().nullish(),
  committer_name: z.string().nullish(),
  committer_email: z.string().nullish(),
});
type Commit = z.infer<typeof CommitAnswer>;

const VersionCommits = z.object({ commits: z.array(CommitAnswer) });

const MemberAnswer = z.object({
  id: z.number().int(),
  username: z.string(),
  name: z.string().nullish(),
  public_email: z.string().nullish(),
  email: z.string().nullish(),
});
export type Member = z.infer<typeof MemberAnswer>;

const PushNote = z.object({
  body: z.string().nullish(),
  system: z.boolean(),
  author: z.object({ id: z.number().int() }),
});

/** A name and an e-mail as they stand in a commit: anybody can write anything there. */
export interface Identity {
  name: string;
  email: string;
}

const plain = (text: string | null | undefined): string => (text ?? '').trim().toLowerCase();

/**
 * Ids of the members an identity may stand for: GitLab's private commit address
 * (`<id>-<username>@users.noreply.<host>`), a known e-mail, the local part of the e-mail as username,
 * or the name as name or username, all without regard to case. Several may match; a wrong one only
 * asks for another approver. Pure.
 */
export function membersOf(identity: Identity, members: readonly Member[]): number[] {
  const name = plain(identity.name);
  const email = plain(identity.email);
  const local = email.split('@')[0] ?? '';
  const noreply = /^(\d+)-([^@]+)@users\.noreply\./.exec(email);
  return members
    .filter((member) => {
      const username = plain(member.username);
      if (noreply && (Number(noreply[1]) === member.id || noreply[2] === username)) return true;
      if (email !== '' && [plain(member.public_email), plain(member.email)].includes(email)) {
        return true;
      }
      if (local !== '' && local === username) return true;
      return name !== '' && (name === username || name === plain(member.name));
    })
    .map((member) => member.id);
}

function identitiesOf(commits: readonly Commit[]): Identity[] {
  const all = commits.flatMap((commit) => [
    { name: commit.author_name ?? '', email: commit.author_email ?? '' },
    { name: commit.committer_name ?? '', email: commit.committer_email ?? '' },
  ]);
  return [...new Map(all.map((one) => [`${one.name}\n${one.email}`, one])).values()];
}

/**
 * Commits of every version. The newest version's list holds those of an older one when the older head
 * is in it and both start at the same base; only the others, left by a rebase or force push, are
 * asked for.
 */
async function commitsOfAllVersions(
  api: Resources,
  projectId: number,
  iid: number,
): Promise<Commit[]> {
  const change = `merge request ${projectId}!${iid}`;
  const { mergeRequests } = api;
  const versions = await listAll(
    VersionAnswer,
    `GET versions of ${change}`,
    CONTRIBUTOR_LIMITS.versions,
    (page) => mergeRequests.allDiffVersions(projectId, iid, page),
  );
  const commits = await listAll(
    CommitAnswer,
    `GET commits of ${change}`,
    CONTRIBUTOR_LIMITS.commits,
    (page) => mergeRequests.allCommits(projectId, iid, page),
  );
  const known = new Set(commits.map((commit) => commit.id));
  const base = versions[0]?.base_commit_sha;
  const isCovered = (version: Version): boolean =>
    typeof base === 'string' &&
    version.base_commit_sha === base &&
    known.has(version.head_commit_sha ?? '');
  const rewritten = versions.filter((version) => !isCovered(version));
  if (rewritten.length > CONTRIBUTOR_LIMITS.rewrittenVersions) {
    throw new ForgeError(
      'invalid',
      `The history of ${change} was rewritten ${rewritten.length} times, more than the ` +
        `${CONTRIBUTOR_LIMITS.rewrittenVersions} that are looked through for its contributors; open a new one`,
    );
  }
  for (const { id } of rewritten) {
    const answer: unknown = await mergeRequests.showDiffVersion(projectId, iid, id);
    const what = `GET version ${id} of ${change}`;
    commits.push(...parseAnswer(VersionCommits, answer, what).commits);
  }
  return commits;
}

/**
 * Who pushed while the merge request was open, by GitLab's own record (`added 2 commits`): it names
 * the account whatever stands in the commits.
 */
async function pushers(api: Resources, projectId: number, iid: number): Promise<number[]> {
  const what = `GET activity of merge request ${projectId}!${iid}`;
  const rows = await listAll(PushNote, what, CONTRIBUTOR_LIMITS.notes, (page) =>
    api.on.change.notes.all(projectId, iid, {
      ...page,
      // gitbeaker's type lacks the filter; GitLab has it since 14.
      ...({ activityFilter: 'only_activity' } as object),
    }),
  );
  return rows
    .filter((note) => note.system && /^added \d+ (new )?commits?\b/.test(note.body ?? ''))
    .map((note) => note.author.id);
}

/**
 * Ids, ascending, of the opener, of those who pushed to the open merge request, and of the members
 * who may be an author or committer of any commit of any version.
 * @throws ForgeError `invalid` when a limit of CONTRIBUTOR_LIMITS is passed
 */
export async function listContributors(
  api: Resources,
  projectId: number,
  iid: number,
): Promise<number[]> {
  const shown: unknown = await api.mergeRequests.show(projectId, iid);
  const what = `GET merge request ${projectId}!${iid}`;
  const opener = parseAnswer(ChangeAuthor, shown, what).author?.id;
  const commits = await commitsOfAllVersions(api, projectId, iid);
  const pushed = await pushers(api, projectId, iid);
  const members = await listAll(
    MemberAnswer,
    `GET members of project ${projectId}`,
    CONTRIBUTOR_LIMITS.members,
    (page) => api.members.all(projectId, { includeInherited: true, ...page }),
  );
  const matched = identitiesOf(commits).flatMap((identity) => membersOf(identity, members));
  const ids = new Set([...(opener === undefined ? [] : [opener]), ...pushed, ...matched]);
  return [...ids].toSorted((a, b) => a - b);
}
