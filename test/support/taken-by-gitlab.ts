/** After a story or a batch of faults: the real GitLab would have taken every call that the bot and its jobs made. */
import type { World } from '../../sandbox/world.ts';
import { openApiFile } from './open-api-file.ts';
import { requestFaults } from './open-api.ts';

/**
 * Throws when a call of this world is not valid by GitLab's OpenAPI file; calls of people are the story's own. Of the
 * log, calls from number `from` on count, and those of `nobody`, who has no token, only where they are ours.
 * Does nothing where the file is not beside the repository.
 */
export function expectTakenByGitLab(
  { gitlab, people }: World,
  { from = 0, nobody = true }: { from?: number; nobody?: boolean } = {},
): void {
  const openApi = openApiFile();
  if (openApi === null) return;
  const { autodev: _bot, ...others } = people;
  const persons = new Set(Object.values(others).map(({ user }) => user.username));
  const made = gitlab.calls.all.slice(from);
  const calls = made.filter(({ user }) => (user === null ? nobody : !persons.has(user)));
  const faults = requestFaults(calls, openApi);
  if (faults.length === 0) return;
  const lines = faults.map(({ call, problem, times }) => `${times} × ${call}: ${problem}`);
  throw new Error(`GitLab's OpenAPI file does not allow these calls:\n${lines.join('\n')}`);
}
