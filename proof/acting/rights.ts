/** A1, A3, A5, A11, A16 and promise 18: who may make the bot act, by every level, way and name. */
import { decide } from '../../bot/decide/decide.ts';
import { interestOf } from '../../bot/decide/interest.ts';
import { normaliseGitLab } from '../../bot/forge/gitlab/events/normalise.ts';
import { issue, snapshot } from '../../test/unit/decide/builders.ts';
import { broken, held, type Played, type Proof } from '../proof.ts';
import { SAID, WAYS } from './hooks.ts';

const LEVELS = [0, 5, 10, 15, 20, 30, 40, 50];
const COMMANDS = ['fix', 'plan', 'implement', 'spec'];
/** What the repository asks for besides; null: nothing. */
const OWN = [null, 'maintainer'] as const;

/** Who asks: people, and those who only seem to be somebody. */
const WHO = [
  { name: 'somebody', username: 'lee', may: true },
  { name: 'a namesake of the bot', username: 'autodev', may: true },
  { name: 'a look-alike of the bot', username: 'autоdev', may: true },
  { name: 'an app called after the bot', username: 'autodev[bot]', may: true },
  { name: 'a token of another project', username: 'project_12_bot_3f', may: false },
  { name: 'a token of a group', username: 'group_12_bot', may: false },
  { name: 'the bot itself', username: 'autodev', may: false },
] as const;

const COMBINATIONS = LEVELS.length * WAYS.length * WHO.length * COMMANDS.length * OWN.length;
/** Coprime to the number of combinations, so that neighbours have nothing in common. */
const STRIDE = 4_099;
const [BOT, ACTOR, AUTHOR] = [99, 5, 6];

function play(index: number): Played {
  let rest = (index * STRIDE) % COMBINATIONS;
  const take = <T>(from: readonly T[]): T => {
    const chosen = from[rest % from.length] as T;
    rest = Math.floor(rest / from.length);
    return chosen;
  };
  const [level, way, who] = [take(LEVELS), take(WAYS), take(WHO)];
  const [command, own] = [take(COMMANDS), take(OWN)];
  const actor = who.name === 'the bot itself' ? BOT : ACTOR;
  const asked = { project: 7, iid: 12, actor, name: who.username, other: AUTHOR, command, n: 501 };
  const about = `${who.name} of level ${level}, ${way.name}`;
  const event = normaliseGitLab({ 'x-gitlab-event': way.event }, way.payload(asked));
  const interest = interestOf(event);
  if (interest.kind !== 'ask') return judge(0, way.starts && who.may && level >= 40, about);
  const plain = snapshot();
  // Whoever is not the actor may do everything: the rights of others must not count.
  const access = interest.actorId === actor ? level : 50;
  const { config } = plain.repoConfig;
  const decision = decide(
    event,
    snapshot({
      actorAccess: access,
      issue: { ...issue, ...SAID },
      bot: { id: BOT, username: 'autodev' },
      repoConfig: {
        problems: [],
        config: { ...config, permissions: own === null ? {} : { default: own } },
      },
    }),
  );
  const started = decision.writes.filter(({ op }) => op === 'create_run').length;
  const entitled = who.may && way.starts && level >= (own === null ? 30 : 40);
  return judge(started, entitled, about);
}

function judge(started: number, entitled: boolean, about: string): Played {
  if (started > 0 && !entitled) return broken(about, 'work was started');
  if (started === 0 && entitled) return broken(about, 'nothing was started');
  return held(about);
}

const TRIGGERS = 'bot/decide/triggers.ts';
const PERMISSIONS = 'bot/decide/permissions.ts';

export const rights: Proof = {
  id: 'A1 A3 A5 A11 A16 P18',
  name: 'No task without the right to it: every level, way and name',
  layer: 'functions',
  runs: { ci: 1_000, full: COMBINATIONS },
  mutantRuns: COMBINATIONS,
  play,
  mutants: [
    {
      name: 'level of the actor',
      file: PERMISSIONS,
      from: 'if (snapshot.actorAccess >= ACCESS_LEVELS[needed])',
      to: 'if (true)',
    },
    {
      name: 'no commands by edits',
      file: TRIGGERS,
      from: "if (event.action === 'edited') {",
      to: 'if (false) {',
    },
    {
      name: 'the bot is known by its number',
      file: PERMISSIONS,
      from: 'if (actor.id === snapshot.bot.id)',
      to: 'if (false)',
    },
    {
      name: 'accounts of tokens are no people',
      file: PERMISSIONS,
      from: '|| TOKEN_BOT_NAME.test(actor.username)',
      to: '',
    },
    {
      name: 'no commands by system notes',
      file: 'bot/decide/interest.ts',
      from: "if (event.note.system) return none('a system note');",
      to: '',
      also: [
        { file: TRIGGERS, from: "if (event.note.system) return ignored('a system note');", to: '' },
      ],
    },
    {
      name: 'labels count for whoever set them',
      file: 'bot/forge/gitlab/events/issue.ts',
      from: 'actor: actorOf(payload.body),',
      to: "actor: { id: (payload.attrs as { author_id: number }).author_id, username: '' },",
    },
    {
      name: 'labels count when they are set',
      file: 'bot/forge/gitlab/events/common.ts',
      from: "if (action !== 'update') return { labelsAdded: [], labelsRemoved: [] };",
      to: 'if (labels.length > 0) return { labelsAdded: [...labels], labelsRemoved: [] };',
    },
    {
      name: 'the repository’s own stricter rights',
      file: PERMISSIONS,
      from: 'ACCESS_LEVELS[wanted] <= ACCESS_LEVELS[base]',
      to: 'true',
    },
  ],
};
