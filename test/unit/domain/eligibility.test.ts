/**
 * Who may open a gate: every combination of access level, role in the change, edition and what the bot
 * saw. The expected value is worked out here from the rules as people would say them (DESIGN §4.7),
 * not from the code under test.
 */
import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../bot/decide/decide.ts';
import { judgeGate, type Approval, type GateFacts } from '../../../bot/domain/gates.ts';
import { changeFacts, codeChange, run, snapshot } from '../decide/builders.ts';

const HEAD = 'b'.repeat(40);
const OLDER = 'c'.repeat(40);
const HEAD_AT = new Date('2026-11-21T12:00:00Z');
const BEFORE = new Date('2026-11-21T11:59:59Z');
const AFTER = new Date('2026-11-21T12:00:01Z');

const PEOPLE = { requester: 3, bot: 99, contributor: 8, none: 5 } as const;
type Role = keyof typeof PEOPLE;

const LEVELS = [0, 10, 15, 20, 30, 40, 50] as const;
const ROLES = Object.keys(PEOPLE) as Role[];
const EDITIONS = [
  { name: 'CE', left: 0 },
  { name: 'EE, rules met', left: 0 },
  { name: 'EE, one approval left', left: 1 },
] as const;

/** What happened, and what the forge and the bot's own notes say of it. */
const SEEN = {
  'approved at this head': { approved: true, seenAtSha: HEAD, at: null },
  'approved at an older head': { approved: true, seenAtSha: OLDER, at: null },
  'approved at an older head, and the forge tells a later time': {
    approved: true,
    seenAtSha: OLDER,
    at: AFTER,
  },
  'approved unseen, after this head': { approved: true, seenAtSha: null, at: AFTER },
  'approved unseen, before this head': { approved: true, seenAtSha: null, at: BEFORE },
  'approved unseen, at the time of this head': { approved: true, seenAtSha: null, at: HEAD_AT },
  'approved unseen, time unknown': { approved: true, seenAtSha: null, at: null },
  'approved, then taken back': { approved: false, seenAtSha: null, at: null },
} as const;
type Seen = keyof typeof SEEN;

interface Row {
  level: (typeof LEVELS)[number];
  role: Role;
  edition: (typeof EDITIONS)[number];
  seen: Seen;
}

const ROWS: Row[] = LEVELS.flatMap((level) =>
  ROLES.flatMap((role) =>
    EDITIONS.flatMap((edition) =>
      (Object.keys(SEEN) as Seen[]).map((seen) => ({ level, role, edition, seen })),
    ),
  ),
);

/** The rules as lists of what is good; everything else is not. */
const MAY_WRITE = new Set<number>([30, 40, 50]);
const STANDS: ReadonlySet<Seen> = new Set<Seen>([
  'approved at this head',
  'approved unseen, after this head',
]);

function expected(row: Row): { counted: boolean; open: boolean; why: string | null } {
  const independent = row.role === 'none';
  const counted = independent && MAY_WRITE.has(row.level) && STANDS.has(row.seen);
  const open = counted && row.edition.name !== 'EE, one approval left';
  if (counted || row.seen === 'approved, then taken back') return { counted, open, why: null };
  const because: Record<Role, string> = {
    bot: 'the bot cannot decide',
    requester: 'asked for this work',
    contributor: 'worked on the change',
    none: MAY_WRITE.has(row.level) ? 'approved an older version' : 'needs Developer',
  };
  return { counted, open, why: because[row.role] };
}

function facts(approvals: Approval[], patch: Partial<GateFacts> = {}): GateFacts {
  return {
    headSha: HEAD,
    headAt: HEAD_AT,
    approvals,
    contributors: [PEOPLE.contributor],
    requesterId: PEOPLE.requester,
    botId: PEOPLE.bot,
    approvalsLeft: 0,
    ...patch,
  };
}

function approval(role: Role, level: number, seen: Seen): Approval[] {
  const { approved, seenAtSha, at } = SEEN[seen];
  if (!approved) return [];
  return [{ user: { id: PEOPLE[role], username: role }, level, seenAtSha, at }];
}

describe(`eligibility: ${ROWS.length} rows`, () => {
  test('the table has at least 200 rows, and some of each outcome', () => {
    expect(ROWS.length).toBeGreaterThanOrEqual(200);
    const outcomes = ROWS.map((row) => expected(row));
    expect(outcomes.filter(({ counted }) => counted)).toHaveLength(3 * 2 * 3);
    expect(outcomes.filter(({ open }) => open)).toHaveLength(3 * 2 * 2);
  });

  for (const seen of Object.keys(SEEN) as Seen[]) {
    for (const edition of EDITIONS) {
      const rows = ROWS.filter((row) => row.seen === seen && row.edition === edition);
      test.each(rows)(`${seen}, ${edition.name}: level $level, role $role`, (row) => {
        const verdict = judgeGate(
          facts(approval(row.role, row.level, seen), { approvalsLeft: edition.left }),
        );
        const { counted, open, why } = expected(row);
        expect(verdict.counted.map(({ id }) => id)).toEqual(counted ? [PEOPLE[row.role]] : []);
        expect(verdict.open).toBe(open);
        expect(verdict.notCounted.map((entry) => entry.why)).toEqual(why === null ? [] : [why]);
      });
    }
  }
});

describe('by hand', () => {
  const here = 'approved at this head';

  test('nobody approved: closed, whatever the rules of the project say', () => {
    expect(judgeGate(facts([])).open).toBe(false);
    expect(judgeGate(facts([], { approvalsLeft: 0 })).counted).toEqual([]);
  });

  test('one that counts is enough beside any number that do not', () => {
    const verdict = judgeGate(
      facts([
        ...approval('requester', 50, here),
        ...approval('bot', 40, here),
        ...approval('contributor', 40, here),
        ...approval('none', 30, here),
      ]),
    );
    expect(verdict.open).toBe(true);
    expect(verdict.counted.map(({ username }) => username)).toEqual(['none']);
    expect(verdict.notCounted.map(({ why }) => why)).toEqual([
      'asked for this work',
      'the bot cannot decide',
      'worked on the change',
    ]);
  });

  test('three that do not count are not one that does', () => {
    const verdict = judgeGate(
      facts([
        ...approval('requester', 50, here),
        ...approval('contributor', 50, here),
        ...approval('none', 20, here),
      ]),
    );
    expect(verdict.open).toBe(false);
  });

  test('an owner who asked for the work is refused for having asked, not for the level', () => {
    const [entry] = judgeGate(facts(approval('requester', 50, here))).notCounted;
    expect(entry?.why).toBe('asked for this work');
  });

  test('people are told apart by id: the name of the requester helps nobody and harms nobody', () => {
    const twin = { id: 5, username: 'requester' };
    const verdict = judgeGate(facts([{ user: twin, level: 30, seenAtSha: HEAD, at: null }]));
    expect(verdict.counted).toEqual([twin]);
  });

  test('when the forge does not say since when the head is there, an unseen approval does not count', () => {
    const unseen = approval('none', 40, 'approved unseen, after this head');
    expect(judgeGate(facts(unseen, { headAt: null })).open).toBe(false);
  });

  test('a person who pushed after approving does not count any more', () => {
    const verdict = judgeGate(facts(approval('none', 40, here), { contributors: [8, 5] }));
    expect(verdict.notCounted.map(({ why }) => why)).toEqual(['worked on the change']);
  });
});

describe('what the gate says', () => {
  /** The line that stands in the status comment and on the commit. */
  function lineFor(row: Row): string {
    const given = approval(row.role, row.level, row.seen);
    const gate = {
      facts: facts(given, { approvalsLeft: row.edition.left }),
      mergeStatus: 'mergeable',
    };
    const atGate = run({ stage: 'merge', changes: { spec: null, code: codeChange } }, 'feature');
    const decision = decide(
      { kind: 'wake', runId: atGate.id },
      snapshot({ run: atGate, change: changeFacts({ gate }) }),
    );
    const told = decision.effects.find((effect) => effect.kind === 'set_gate');
    // The merge follows at once, so an open gate needs no status of its own.
    expect(told?.state).toBe(expected(row).open ? undefined : 'pending');
    const merges = decision.effects.filter((effect) => effect.kind === 'merge_change');
    expect(merges).toHaveLength(expected(row).open ? 1 : 0);
    const patched = decision.writes.find((write) => write.op === 'update_run');
    const note = patched?.op === 'update_run' ? patched.patch.gateNote : undefined;
    if (told) expect(told.text).toBe(note);
    return note ?? '';
  }

  /** Sentences as a person would expect to read them. */
  function sentence(row: Row): string {
    const { counted, open, why } = expected(row);
    if (open) return 'approved by @none';
    if (counted) return "needs 1 more by the project's rules";
    const missing = 'needs 1 approval of bbbbbbbb by someone other than @sam';
    return why === null ? missing : `${missing}; @${row.role}: ${why}`;
  }

  test(`all ${ROWS.length} rows: the line names what is missing and why what is there does not count`, () => {
    for (const row of ROWS) expect([row, lineFor(row)]).toEqual([row, sentence(row)]);
  });
});
