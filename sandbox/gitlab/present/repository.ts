/** File changes as the REST API shows them. */
import type { FileDiff } from '../git/read.ts';

/** A diff of more bytes than this is collapsed, as in GitLab. */
export const MAX_PATCH = 200 * 1024;

export function diffEntity(file: FileDiff): Record<string, unknown> {
  const tooLarge = file.diff.length > MAX_PATCH;
  return {
    diff: tooLarge ? '' : file.diff,
    collapsed: false,
    too_large: tooLarge,
    new_path: file.newPath,
    old_path: file.oldPath,
    a_mode: file.oldMode,
    b_mode: file.newMode,
    new_file: file.newFile,
    renamed_file: file.renamedFile,
    deleted_file: file.deletedFile,
    generated_file: false,
  };
}
