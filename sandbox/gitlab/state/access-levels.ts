/** GitLab's access levels, and the id that stands for no commit. */
export const ACCESS = {
  guest: 10,
  planner: 15,
  reporter: 20,
  developer: 30,
  maintainer: 40,
  owner: 50,
} as const;

export const ZERO_SHA = '0'.repeat(40);
