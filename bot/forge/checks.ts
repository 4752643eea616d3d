/** What the pipelines of changes say, and starting one: the role of a forge that facts come from. */
import type { PipelineInfo } from '../domain/events.ts';

/** How a pipeline ended. */
export interface PipelineEnd {
  /** Null while it runs or when the forge does not say. */
  endedAt: Date | null;
  passed: number;
  failed: number;
  skipped: number;
  /** Percent; null when no job tells it. */
  coverage: number | null;
}

export interface ForgeChecks {
  /** When a pipeline ended, with which tests, covering how much. Its requests go out at once. */
  testFacts(projectId: number, pipelineId: number): Promise<PipelineEnd>;
  /** Coverage of a branch's newest successful pipeline that tells one; null when the newest few do not. */
  coverageOf(projectId: number, branch: string): Promise<number | null>;
  /** Starts a pipeline of a change's head as the bot; only such a pipeline's reports reach its page. */
  createChangePipeline(projectId: number, iid: number): Promise<PipelineInfo>;
  /** Changed files with their diffs; `diff` is empty where the forge shows none (binary, too large). */
  diffs(projectId: number, iid: number): Promise<{ path: string; diff: string }[]>;
}
