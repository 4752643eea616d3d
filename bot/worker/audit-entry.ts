/** What is written down about one decision. */
import type { Event } from '../domain/events.ts';
import type { Decision, Snapshot } from '../domain/snapshot.ts';

/** What `autodev explain` shows: ids and facts, no texts by people. */
export function auditEntry(
  decision: Decision,
  event: Event,
  snapshot: Snapshot,
): Record<string, unknown> {
  return {
    event: event.kind,
    actor: 'actor' in event ? event.actor : null,
    known: {
      access: snapshot.actorAccess,
      run: snapshot.run && {
        id: snapshot.run.id,
        state: snapshot.run.state,
        stage: snapshot.run.stage,
      },
      headSha: snapshot.headSha,
      change: snapshot.change && {
        state: snapshot.change.state,
        headSha: snapshot.change.headSha,
        pipeline: snapshot.change.pipeline?.status ?? null,
        approvals: snapshot.change.gate?.facts.approvals.map(({ user }) => user.id) ?? null,
      },
    },
    reasons: decision.reasons,
    writes: decision.writes.map((write) => write.op),
    effects: decision.effects.map((effect) => effect.kind),
  };
}
