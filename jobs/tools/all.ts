import type { ToolName } from '../../schema/wire/job-api.ts';
import { editFileTool } from './edit-file.ts';
import { finishTool } from './finish.ts';
import { listTool } from './list.ts';
import { readFileTool } from './read-file.ts';
import { runCommandTool } from './run-command.ts';
import { searchTool } from './search.ts';
import type { Tool } from './tool.ts';

const TOOLS: Record<ToolName, Tool> = {
  read_file: readFileTool,
  list: listTool,
  search: searchTool,
  edit_file: editFileTool,
  run_command: runCommandTool,
  finish: finishTool,
};

/** The tools of a task, in a fixed order (the prompt's prefix must not vary); `finish` is always one. */
export function selectTools(names: readonly ToolName[]): Tool[] {
  const wanted = new Set<ToolName>([...names, 'finish']);
  return Object.values(TOOLS).filter((tool) => wanted.has(tool.name));
}
