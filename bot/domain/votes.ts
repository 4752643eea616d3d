/** Votes and their consensus (DESIGN §5): scores from 0 to 100, weighted; facts come from CI. */
import type { AgentRole } from '../../schema/wire/agent.ts';
import type { SecurityRubric } from '../../schema/wire/report.ts';

export interface Vote {
  role: AgentRole;
  score: number;
  weight: number;
  /** Where the score comes from, in a few words. */
  basis: string;
}

export type ConsensusKind = 'approve' | 'conditional' | 'reject';

export interface Consensus {
  kind: ConsensusKind;
  /** Weighted mean with one digit. */
  score: number;
}

const APPROVE = 80;
const CONDITIONAL = 60;

/** The consensus of votes; without any vote there is nothing against the change. */
export function consensusOf(votes: readonly Vote[]): Consensus {
  const weight = votes.reduce((sum, vote) => sum + vote.weight, 0);
  if (weight === 0) return { kind: 'approve', score: 100 };
  const mean = votes.reduce((sum, vote) => sum + vote.score * vote.weight, 0) / weight;
  const score = Math.round(mean * 10) / 10;
  if (score >= APPROVE) return { kind: 'approve', score };
  return { kind: score >= CONDITIONAL ? 'conditional' : 'reject', score };
}

/** Base 70 and what the rubric adds or takes; the sum stays within 0 and 100. */
const SECURITY_BASE = 70;
const SECURITY_POINTS: Readonly<Record<keyof SecurityRubric, { points: number; name: string }>> = {
  privilegeEscalation: { points: -25, name: 'privilege escalation' },
  destructiveWithoutSafeguard: { points: -30, name: 'destructive without safeguard' },
  unvalidatedExternalApi: { points: -10, name: 'unvalidated external API' },
  missingAuditLog: { points: -10, name: 'missing audit log' },
  encryption: { points: 10, name: 'encryption' },
  advancedAudit: { points: 10, name: 'advanced audit' },
};

/** The security score, computed from typed facts and never given by the model. */
export function securityScore(rubric: SecurityRubric): { score: number; basis: string } {
  const keys = Object.keys(SECURITY_POINTS) as (keyof SecurityRubric)[];
  const hits = keys.filter((key) => rubric[key]).map((key) => SECURITY_POINTS[key]);
  const sum = hits.reduce((total, hit) => total + hit.points, SECURITY_BASE);
  const parts = hits.map(
    (hit) => `${hit.points > 0 ? '+' : '−'}${Math.abs(hit.points)} ${hit.name}`,
  );
  return {
    score: Math.min(100, Math.max(0, sum)),
    basis: [`base ${SECURITY_BASE}`, ...parts].join(', '),
  };
}
