/** Who does the work: the engine that was asked for or, where it cannot be used, what the settings say instead. */
import type { TaskSpec } from '../../schema/wire/job-api.ts';
import type { LoopResult } from '../engines/builtin/loop-input.ts';
import type { CommandLineTool, FoundEngine } from '../engines/cli/find.ts';

export interface EngineWork {
  spec: Pick<TaskSpec, 'engine' | 'whenMissing'>;
  found: FoundEngine;
  withTool(tool: CommandLineTool): Promise<LoopResult>;
  withLoop(): Promise<LoopResult>;
  /** A line for the job log. */
  note(text: string): void;
  /** Told once when another engine does the work than the one asked for. */
  instead(why: string): void;
}

/** Runs the task. A tool that never came to ask a model counts as one that is not there. */
export async function engineWork(work: EngineWork): Promise<LoopResult> {
  const { found } = work;
  switch (found.kind) {
    case 'builtin':
      return work.withLoop();
    case 'unusable':
      return without(found.why, `Install it there: ${found.install}`, work);
    case 'tool': {
      work.note(`engine: ${found.tool.engine.name} ${found.tool.version}`);
      const result = await work.withTool(found.tool);
      const fix = `See \`autodev-job doctor\` in the job image`;
      return result.outcome === 'unable' ? without(result.cause, fix, work) : result;
    }
  }
}

async function without(why: string, fix: string, work: EngineWork): Promise<LoopResult> {
  const { engine, whenMissing } = work.spec;
  switch (whenMissing) {
    case 'builtin':
      work.instead(`${why}; the builtin engine does the work. ${fix}`);
      return work.withLoop();
    case 'stop': {
      const cause = `${why}. ${fix}, or set \`engines.${engine}.whenMissing: builtin\``;
      return { outcome: 'unable', cause, summary: '', turns: 0, toolCalls: 0, model: null };
    }
  }
}
