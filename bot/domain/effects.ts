/** Things to do to the outside world, as data. Asking twice is the same as asking once: see effectKey. */
import type { Target } from './runs.ts';

/** `new` stands for the row that the same decision creates. */
export type RowRef = number | 'new';

export type Effect =
  /** Find or create the one status comment of the target and bring it up to date. */
  | { kind: 'status_comment'; run: RowRef }
  /** Acknowledge a command: 👀 at once, ✅ or ❌ at the end. */
  | { kind: 'react'; target: Target; noteId: number | null; emoji: Emoji }
  /** One answer to one input; `about` names that input. */
  | {
      kind: 'reply';
      target: Target;
      discussionId: string | null;
      internal: boolean;
      body: string;
      about: string;
    }
  | { kind: 'create_pipeline'; attempt: RowRef; run: RowRef; ref: string }
  | { kind: 'cancel_pipeline'; attempt: number; run: number; pipelineId: number }
  /** Check the result of an attempt and commit its changes to the run's branch. */
  | { kind: 'commit_changes'; attempt: number; run: number }
  /** Find or open the change of the run's branch. */
  | { kind: 'open_change'; attempt: number; run: number; draft: boolean };

export type Emoji = 'eyes' | 'white_check_mark' | 'x';
export type EffectKind = Effect['kind'];

/** The ids that `new` stood for. */
export interface NewIds {
  runId: number | null;
  attemptId: number | null;
}

/**
 * The unique key of an effect within a repository: the same wish has the same key.
 * @throws Error when the effect says `new` and the decision created nothing (a bug in decide).
 */
export function effectKey(effect: Effect, repoId: number, ids: NewIds): string {
  const run = (ref: RowRef): number => resolve(ref, ids.runId, effect.kind);
  const attempt = (ref: RowRef): number => resolve(ref, ids.attemptId, effect.kind);
  switch (effect.kind) {
    case 'status_comment':
      return `status_comment/${run(effect.run)}`;
    case 'react': {
      const on = `${effect.target.type}/${effect.target.iid}/${effect.noteId ?? '-'}`;
      return `react/${repoId}/${on}/${effect.emoji}`;
    }
    case 'reply':
      return `reply/${repoId}/${effect.target.type}/${effect.target.iid}/${effect.about}`;
    case 'create_pipeline':
      return `create_pipeline/${attempt(effect.attempt)}`;
    case 'cancel_pipeline':
      return `cancel_pipeline/${effect.attempt}/${effect.pipelineId}`;
    case 'commit_changes':
      return `commit_changes/${effect.attempt}`;
    case 'open_change':
      return `open_change/${effect.attempt}`;
  }
}

/** `effect` with every `new` replaced by the real id. */
export function withIds(effect: Effect, ids: NewIds): Effect {
  switch (effect.kind) {
    case 'status_comment':
      return { ...effect, run: resolve(effect.run, ids.runId, effect.kind) };
    case 'create_pipeline':
      return {
        ...effect,
        run: resolve(effect.run, ids.runId, effect.kind),
        attempt: resolve(effect.attempt, ids.attemptId, effect.kind),
      };
    default:
      return effect;
  }
}

function resolve(ref: RowRef, id: number | null, kind: EffectKind): number {
  const value = ref === 'new' ? id : ref;
  if (value === null) throw new Error(`effect ${kind} refers to a row that was not created`);
  return value;
}

/** What applying an effect left behind, per kind. */
export type Receipt =
  | { kind: 'status_comment'; noteId: number; bodyHash: string }
  | { kind: 'react' }
  | { kind: 'reply'; noteId: number }
  | {
      kind: 'create_pipeline';
      pipelineId: number;
      url: string;
      sha: string;
      /** True when it was found rather than created, after a lost answer. */
      adopted: boolean;
    }
  | { kind: 'cancel_pipeline' }
  | { kind: 'commit_changes'; outcome: 'committed'; branch: string; sha: string }
  | { kind: 'commit_changes'; outcome: 'refused'; cause: string; next: string }
  | { kind: 'open_change'; iid: number; url: string };
