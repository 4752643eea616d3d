/**
 * Who may decide at a gate, and whether anybody has (DESIGN §4.7; threats A6-A10). Pure: everything
 * is re-read from the forge at the moment of use.
 */
import type { Actor } from './events.ts';

/** One approval as the forge shows it now. */
export interface Approval {
  user: Actor;
  /** Access level of the user now; 0 = no active member. */
  level: number;
  /** The head at which the bot saw it being given; null when it was not seen. */
  seenAtSha: string | null;
  /** When it was given, if the forge says so. */
  at: Date | null;
}

export interface GateFacts {
  headSha: string;
  /** When this head came to be; null when the forge does not say. */
  headAt: Date | null;
  approvals: Approval[];
  /** Ids of everybody who pushed to, authored or committed any version of the change. */
  contributors: number[];
  requesterId: number;
  botId: number;
  /** Premium: how many approvals the forge's own rules still miss; 0 on Free. */
  approvalsLeft: number;
}

export type Ineligible =
  | 'the bot cannot decide'
  | 'asked for this work'
  | 'worked on the change'
  | 'needs Developer'
  | 'approved an older version';

export interface GateVerdict {
  open: boolean;
  counted: Actor[];
  notCounted: { user: Actor; why: Ineligible }[];
}

const DEVELOPER = 30;

/** Which approvals count for this head, and whether the gate is open. */
export function judgeGate(facts: GateFacts): GateVerdict {
  const counted: Actor[] = [];
  const notCounted: GateVerdict['notCounted'] = [];
  for (const approval of facts.approvals) {
    const why = ineligible(approval, facts);
    if (why === null) counted.push(approval.user);
    else notCounted.push({ user: approval.user, why });
  }
  return { open: counted.length > 0 && facts.approvalsLeft === 0, counted, notCounted };
}

function ineligible(approval: Approval, facts: GateFacts): Ineligible | null {
  const { id } = approval.user;
  if (id === facts.botId) return 'the bot cannot decide';
  if (id === facts.requesterId) return 'asked for this work';
  if (facts.contributors.includes(id)) return 'worked on the change';
  if (approval.level < DEVELOPER) return 'needs Developer';
  return forThisHead(approval, facts) ? null : 'approved an older version';
}

/** Approvals carry no sha in the API: either the bot saw it at this head, or it is younger than it. */
function forThisHead(approval: Approval, facts: GateFacts): boolean {
  if (approval.seenAtSha !== null) return approval.seenAtSha === facts.headSha;
  return approval.at !== null && facts.headAt !== null && approval.at > facts.headAt;
}
