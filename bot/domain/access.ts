/** GitLab's access levels as numbers and names (gitlab-facts §3). */
import type { AccessLevelName } from '../../schema/wire/repo-config.ts';

export const ACCESS_LEVELS: Readonly<Record<AccessLevelName, number>> = {
  guest: 10,
  reporter: 20,
  developer: 30,
  maintainer: 40,
  owner: 50,
};

/** Who may let protected files through. */
export const MAINTAINER = ACCESS_LEVELS.maintainer;

/** A level as people know it: `Developer` for 30 to 39, `no member` below Guest. */
export function accessName(level: number): string {
  const names = Object.entries(ACCESS_LEVELS).toSorted((a, b) => b[1] - a[1]);
  const found = names.find(([, minimum]) => level >= minimum);
  if (!found) return 'no member';
  return found[0].charAt(0).toUpperCase() + found[0].slice(1);
}
