/** Things to do to the outside world, as data. Asking twice is the same as asking once: see effectKey. */
import type { BlockedFile } from './outcomes.ts';
import type { RenderedReports } from './reports.ts';
import type { ChangeRole, Target } from './runs.ts';

/** `new` stands for the row that the same decision creates. */
export type RowRef = number | 'new';

export type Effect =
  /** Find or create the one status comment of the target and bring it up to date. */
  | {
      kind: 'status_comment';
      run: RowRef;
      /** A person should see it at once: it starts, needs them, or is over. The rest is gathered. */
      urgent: boolean;
    }
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
  /** Start the one parent pipeline of a launch. */
  | { kind: 'create_pipeline'; launch: RowRef; run: RowRef; ref: string }
  | { kind: 'cancel_pipeline'; attempt: number; run: number; pipelineId: number }
  /** Check the result of an attempt and commit it to the branch of the run's spec or code change. */
  | {
      kind: 'commit_changes';
      attempt: number;
      run: number;
      change: ChangeRole;
      /** The run's version when a maintainer let refused files through: it is another wish then. */
      asked?: number;
    }
  /** Find or open the change of that branch. */
  | { kind: 'open_change'; attempt: number; run: number; change: ChangeRole; draft: boolean }
  /** Bring title, description and labels of the code change up to date: votes, cost. */
  /** With `ready` it is no draft any more. */
  | { kind: 'update_change'; run: number; round: number; ready?: true }
  /** One thread per open finding of a round, on its line. */
  | { kind: 'open_threads'; run: number; round: number }
  /** Say in the threads of known findings what became of them, and resolve those that are settled. */
  /** `asked` is the comment that asked for it, where a person's word and not a look did. */
  | { kind: 'resolve_threads'; run: number; round: number; asked?: number }
  /** Start the merge request pipeline whose one job of the bot's shows the reports of a round. */
  | { kind: 'publish_reports'; run: number; round: number; sha: string }
  /** Take back approvals that were given for an older head. */
  | { kind: 'reset_approvals'; run: number; change: ChangeRole; sha: string }
  /** The gate's commit status on a head. */
  | {
      kind: 'set_gate';
      run: number;
      change: ChangeRole;
      sha: string;
      state: GateState;
      text: string;
      asked: number;
    }
  /**
   * Merge exactly this head; anything else is refused by the forge. `asked` is the version of the run
   * that was decided on: a gate that opens again at the same head is another wish than before.
   */
  | { kind: 'merge_change'; run: number; change: ChangeRole; sha: string; asked: number }
  /** Start the repository's own deploy job: a manual one, or one that has run, once more. */
  | { kind: 'play_job'; run: number; how: 'play' | 'retry'; jobId: number; name: string }
  /** Tell a task's report in the one comment it has in the run; `raised` are the issues made of it. */
  | { kind: 'report_note'; run: number; attempt: number; raised?: RaisedIssue[] }
  /** Find or make the issues that a task's report asks for. */
  | { kind: 'raise_issues'; run: number; attempt: number }
  /** Find or make the forge's own item for an epic, where its tier has one. */
  | { kind: 'create_epic'; run: number; asked: number }
  /** Find or make the issue of one child of the plan, linked to its parent and what it comes after. */
  | {
      kind: 'create_issue';
      run: number;
      /** Its place in the plan, from 0. */
      child: number;
      /** Issues it depends on. */
      after: number[];
      /** The epic item it hangs below; null where the issue of the run is the parent. */
      epic: string | null;
      asked: number;
    };

/** An issue made of a report, by its place among those that were asked for. */
export interface RaisedIssue {
  place: number;
  iid: number;
  url: string;
  /** `there`: an open issue says the same already, so none was made. */
  as: 'made' | 'there';
}

export type GateState = 'pending' | 'success' | 'failed';
export type Emoji = 'eyes' | 'white_check_mark' | 'x';
export type EffectKind = Effect['kind'];

/** The ids that `new` stood for. */
export interface NewIds {
  runId: number | null;
  launchId: number | null;
}

/**
 * The unique key of an effect within a repository: the same wish has the same key.
 * @throws Error when the effect says `new` and the decision created nothing (a bug in decide).
 */
export function effectKey(effect: Effect, repoId: number, ids: NewIds): string {
  const run = (ref: RowRef): number => resolve(ref, ids.runId, effect.kind);
  const launch = (ref: RowRef): number => resolve(ref, ids.launchId, effect.kind);
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
      return `create_pipeline/${launch(effect.launch)}`;
    case 'cancel_pipeline':
      return `cancel_pipeline/${effect.attempt}/${effect.pipelineId}`;
    case 'commit_changes':
      return `commit_changes/${effect.attempt}${effect.asked === undefined ? '' : `/${effect.asked}`}`;
    case 'open_change':
      return `open_change/${effect.attempt}`;
    case 'update_change': {
      const ready = effect.ready === true ? '/ready' : '';
      return `update_change/${effect.run}/${effect.round}${ready}`;
    }
    case 'resolve_threads': {
      const asked = effect.asked === undefined ? '' : `/note-${effect.asked}`;
      return `resolve_threads/${effect.run}/${effect.round}${asked}`;
    }
    case 'open_threads':
    case 'publish_reports':
      return `${effect.kind}/${effect.run}/${effect.round}`;
    case 'reset_approvals':
      return `reset_approvals/${effect.run}/${effect.change}/${effect.sha}`;
    case 'play_job':
      return `play_job/${effect.run}/${effect.jobId}`;
    case 'report_note':
    case 'raise_issues':
      return `${effect.kind}/${effect.attempt}`;
    case 'create_epic':
      return `create_epic/${effect.run}/${effect.asked}`;
    case 'create_issue':
      return `create_issue/${effect.run}/${effect.child}/${effect.asked}`;
    case 'merge_change':
    case 'set_gate':
      return `${effect.kind}/${effect.run}/${effect.change}/${effect.sha}/${effect.asked}`;
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
        launch: resolve(effect.launch, ids.launchId, effect.kind),
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

/** Where changes are already: on the default branch, or in what another run publishes. */
export type SameChanges =
  { branch: string; sha: string } | { iid: number | null; issueIid: number };

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
  | { kind: 'commit_changes'; outcome: 'same'; as: SameChanges }
  | {
      kind: 'commit_changes';
      outcome: 'refused';
      cause: string;
      next: string;
      /** Set when it was refused for protected files alone. */
      blocked?: BlockedFile[];
    }
  | { kind: 'open_change'; iid: number; url: string }
  | { kind: 'update_change' }
  | { kind: 'open_threads'; threads: { fingerprint: string; discussionId: string }[] }
  | {
      kind: 'resolve_threads';
      threads: { fingerprint: string; discussionId: string; resolved: boolean }[];
    }
  | { kind: 'publish_reports'; pipelineId: number; url: string; reports: RenderedReports }
  | { kind: 'reset_approvals' }
  | { kind: 'set_gate' }
  | { kind: 'merge_change'; outcome: 'merged'; sha: string }
  /** `id` is null where the forge has no epics for this project. */
  | { kind: 'create_epic'; id: string | null; url: string }
  | { kind: 'create_issue'; iid: number; url: string }
  | { kind: 'report_note'; noteId: number }
  | { kind: 'raise_issues'; outcome: 'raised'; issues: RaisedIssue[] }
  | { kind: 'raise_issues'; outcome: 'refused'; cause: string; next: string }
  /** The head moved or the forge will not merge it now; the gate looks again. */
  | { kind: 'merge_change'; outcome: 'not_merged'; why: string }
  /** The job that runs now: the one that was named, or the new one in its place. */
  | { kind: 'play_job'; outcome: 'started'; jobId: number; url: string; adopted: boolean }
  | { kind: 'play_job'; outcome: 'refused'; cause: string; next: string };
