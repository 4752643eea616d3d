import type { TaskSpec, ToolName } from '../../schema/wire/job-api.ts';
import { browseTool } from './browse.ts';
import { askHumanTool } from './ask-human.ts';
import { editFileTool } from './edit-file.ts';
import { finishTool } from './finish.ts';
import { gitDiffTool } from './git-diff.ts';
import { gitLogTool } from './git-log.ts';
import { listTool } from './list.ts';
import { readFileTool } from './read-file.ts';
import { readThreadTool } from './read-thread.ts';
import { reportFindingTool } from './report-finding.ts';
import { runCommandTool } from './run-command.ts';
import { searchTool } from './search.ts';
import type { Tool } from './tool.ts';

const TOOLS: Record<Exclude<ToolName, 'finish'>, Tool> = {
  read_file: readFileTool,
  list: listTool,
  search: searchTool,
  edit_file: editFileTool,
  run_command: runCommandTool,
  browse: browseTool,
  git_log: gitLogTool,
  git_diff: gitDiffTool,
  read_thread: readThreadTool,
  report_finding: reportFindingTool,
  ask_human: askHumanTool,
};

/**
 * The tools of a task, in a fixed order: what a model is told of them is the same for every task of a
 * role. `finish` is always the last one; it takes the report that the task asks for.
 */
export function selectTools({
  tools,
  report,
  reports,
}: Pick<TaskSpec, 'tools' | 'report' | 'reports'>): Tool[] {
  const wanted = Object.values(TOOLS).filter((tool) => tools.includes(tool.name));
  return [...wanted, finishTool(report, reports)];
}
