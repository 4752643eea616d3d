import type { TaskSpec, ToolName } from '../../schema/wire/job-api.ts';
import { editFileTool } from './edit-file.ts';
import { finishTool } from './finish.ts';
import { listTool } from './list.ts';
import { readFileTool } from './read-file.ts';
import { runCommandTool } from './run-command.ts';
import { searchTool } from './search.ts';
import type { Tool } from './tool.ts';

const TOOLS: Record<Exclude<ToolName, 'finish'>, Tool> = {
  read_file: readFileTool,
  list: listTool,
  search: searchTool,
  edit_file: editFileTool,
  run_command: runCommandTool,
};

/**
 * The tools of a task, in a fixed order (the prompt's prefix must not vary). `finish` is always the
 * last one and takes the report that the task asks for.
 */
export function selectTools({ tools, report }: Pick<TaskSpec, 'tools' | 'report'>): Tool[] {
  const wanted = Object.values(TOOLS).filter((tool) => tools.includes(tool.name));
  return [...wanted, finishTool(report)];
}
