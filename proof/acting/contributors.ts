/** A8: whoever worked on any version of a change is known, however the history was rewritten since. */
import { createGitLabForge } from '../../bot/forge/gitlab/client.ts';
import { judgeGate } from '../../bot/domain/gates.ts';
import type { Webhooks } from '../../bot/forge/forge.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import type { Random } from '../random.ts';

const HEAD = 'f'.repeat(40);
const BOT = 99;
const NAMES = ['ann', 'bob', 'cid', 'dan', 'eve', 'fay', 'gus', 'hal'];
const MEMBERS = NAMES.map((username, at) => ({ id: at + 1, username, name: `${username} x` }));

/** How somebody had a part in the change. */
const PARTS = ['author', 'committer', 'pusher', 'opener', 'noreply'] as const;

interface Commit {
  id: string;
  [field: string]: string;
}

function commit(random: Random, who: string, part: (typeof PARTS)[number], id: number): Commit {
  const bot = { name: 'AutoDev', email: 'autodev@bot.invalid' };
  const [author, committer] = part === 'committer' ? [bot, who] : [who, bot];
  const identity = (one: string | typeof bot): typeof bot => {
    if (typeof one !== 'string') return one;
    if (part === 'noreply') {
      return { name: 'x', email: `${id}-${one}@users.noreply.gitlab.example.com` };
    }
    return random.chance(0.5)
      ? { name: one.toUpperCase(), email: 'x@home.example' }
      : { name: 'Somebody', email: `${one}@work.example` };
  };
  const [by, sent] = [identity(author), identity(committer)];
  return {
    id: random.token(40),
    ...{ author_name: by.name, author_email: by.email },
    ...{ committer_name: sent.name, committer_email: sent.email },
  };
}

/** Versions of a change, newest first; each rebase by the bot makes its commits anew, as the bot’s. */
async function play(_: number, random: Random): Promise<Played> {
  const worked = MEMBERS.filter(() => random.chance(0.35));
  let opener = BOT;
  const notes: object[] = [];
  const versions = Array.from({ length: 1 + random.int(4) }, (_v, at) => ({
    ...{ id: at + 1, base: `b${random.int(2)}`, commits: [] as Commit[] },
  }));
  const said: string[] = [];
  for (const member of worked) {
    const part = random.pick(PARTS);
    said.push(`${member.username} as ${part}`);
    if (part === 'opener' && opener === BOT) opener = member.id;
    else if (part === 'pusher') {
      notes.push({ body: 'added 2 commits\n\n<ul></ul>', system: true, author: { id: member.id } });
    } else {
      random.pick(versions).commits.push(commit(random, member.username, part, member.id));
    }
  }
  const newest = versions[0]?.commits ?? [];
  if (random.chance(0.5)) newest.push({ ...commit(random, 'autodev', 'author', BOT), id: HEAD });
  const forge = createGitLabForge({
    ...{ url: 'https://gitlab.example.com', token: 'glpat-x', webhooks: {} as Webhooks },
    clock: { now: () => Date.now(), sleep: () => Promise.resolve() },
    fetch: (url) => {
      const path = new URL(url instanceof Request ? url.url : String(url)).pathname;
      return Promise.resolve(Response.json(answer(path)));
    },
  });
  const answer = (path: string): unknown => {
    if (path.endsWith('/versions')) {
      return versions.map(({ id, base, commits }, at) => ({
        ...{ id, base_commit_sha: base },
        head_commit_sha: at === 0 ? HEAD : (commits[0]?.id ?? random.token(40)),
      }));
    }
    if (path.endsWith('/commits')) return newest;
    if (path.endsWith('/notes')) return notes;
    if (path.endsWith('/members/all')) return MEMBERS;
    const one = versions.find(({ id }) => path.endsWith(`/versions/${id}`));
    return one === undefined ? { author: { id: opener } } : { commits: one.commits };
  };
  const about = said.join(', ') || 'nobody';
  const contributors = await forge.gate.contributors(7, 12);
  for (const { id, username } of worked) {
    const user = { id, username };
    const verdict = judgeGate({
      ...{ headSha: HEAD, headAt: null, contributors, requesterId: 500, botId: BOT },
      approvals: [{ user, level: 40, seenAtSha: HEAD, at: null }],
      approvalsLeft: 0,
    });
    if (verdict.open) return broken(about, `${username} approves their own work`);
  }
  const others = contributors.filter((id) => id !== BOT && !worked.some((one) => one.id === id));
  return others.length === 0 ? held(about) : broken(about, `${others.join()} did nothing`);
}

const FILE = 'bot/forge/gitlab/contributors.ts';

export const contributors: Proof = {
  id: 'A8',
  name: 'Whoever worked on any version of a change cannot approve it, also after a rebase by the bot',
  layer: 'functions',
  runs: { ci: 150, full: 3_000 },
  play,
  mutants: [
    {
      name: 'all versions',
      file: FILE,
      from: 'const rewritten = versions.filter((version) => !isCovered(version));',
      to: 'const rewritten = versions.filter((version) => false && !isCovered(version));',
    },
    {
      name: 'committers',
      file: FILE,
      from: "    { name: commit.committer_name ?? '', email: commit.committer_email ?? '' },\n",
      to: '',
    },
    { name: 'accounts that pushed', file: FILE, from: '...pushed, ...matched', to: '...matched' },
    {
      name: 'the opener',
      file: FILE,
      from: '...(opener === undefined ? [] : [opener]), ',
      to: '',
    },
    {
      name: 'private addresses of the forge',
      file: FILE,
      from: 'if (noreply && (',
      to: 'if (false && (',
    },
  ],
};
