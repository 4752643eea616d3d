/**
 * Purpose: the right to command (DESIGN §4.8): bot ∩ actor ∩ project policy, by numeric access level.
 */
import { ACCESS_LEVELS, accessName } from '../domain/access.ts';
import type { AccessLevelName } from '../../schema/wire/repo-config.ts';
import type { Snapshot } from '../domain/snapshot.ts';
import type { Actor } from '../domain/events.ts';

/** Account names GitLab gives to the bot users of project and group access tokens. */
const TOKEN_BOT_NAME = /^(?:project|group)_\d{1,20}_bot(?:_|$)/;

export type Permission =
  | { allowed: true }
  | { allowed: false; silent: true; reason: string }
  | { allowed: false; silent: false; reason: string; has: string; needs: string };

/**
 * May this actor give this command here? Refusals of bots are silent, so that two bots can never
 * keep each other busy; refusals of people carry what they have and what they need.
 */
export function permissionFor(
  command: string,
  actor: Actor,
  byBot: boolean,
  snapshot: Snapshot,
): Permission {
  if (actor.id === snapshot.bot.id) return silent('written by the bot itself');
  if (byBot || TOKEN_BOT_NAME.test(actor.username)) return silent('written by a bot account');
  if (snapshot.project.archived) return silent('the project is archived');
  if (!snapshot.repoConfig.config.enabled) return silent('turned off in .autodev.yml');
  const needed = neededLevel(command, snapshot);
  if (snapshot.actorAccess >= ACCESS_LEVELS[needed]) return { allowed: true };
  return {
    allowed: false,
    silent: false,
    reason: `access level ${snapshot.actorAccess} is below ${needed}`,
    has: accessName(snapshot.actorAccess),
    needs: accessName(ACCESS_LEVELS[needed]),
  };
}

/** The stricter of what the installation and the repository ask for a command. */
export function neededLevel(command: string, snapshot: Snapshot): AccessLevelName {
  const installation = snapshot.settings.permissions;
  const base = installation[command] ?? installation.default;
  const own = snapshot.repoConfig.config.permissions;
  const wanted = own[command] ?? own['default'];
  if (wanted === undefined || ACCESS_LEVELS[wanted] <= ACCESS_LEVELS[base]) return base;
  return wanted;
}

function silent(reason: string): Permission {
  return { allowed: false, silent: true, reason };
}
