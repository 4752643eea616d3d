/** Which of GitLab's project hook events the bot asks for, and why. One table for connect and doctor. */

interface HookEvent {
  /** The switch's name in GitLab's hooks API (gitlab-facts §3.6). */
  name: string;
  why: string;
}

/**
 * Every switch that brings an event from which something follows (bot/decide/interest.ts). Not asked
 * for, because nothing follows from them: push, tag push, job, emoji, deployment, release, milestone,
 * wiki page and feature flag events.
 */
export const HOOK_EVENTS: readonly HookEvent[] = [
  { name: 'issues_events', why: 'labels start work, closing an issue ends it' },
  {
    name: 'confidential_issues_events',
    why: 'GitLab sends confidential issues under this switch alone; they get an answer, too',
  },
  { name: 'note_events', why: '/autodev commands in comments' },
  {
    name: 'confidential_note_events',
    why: 'internal notes, and notes on confidential issues, come under this switch alone',
  },
  { name: 'merge_requests_events', why: 'merging or closing a change ends its run' },
  { name: 'pipeline_events', why: 'the end of an agent pipeline and of a change’s own tests' },
  { name: 'resource_access_token_events', why: 'the token of the bot is about to expire' },
];

export const HOOK_EVENT_NAMES: readonly string[] = HOOK_EVENTS.map((event) => event.name);

/** Where GitLab sends deliveries. */
export function hookUrl(publicUrl: string): string {
  return `${publicUrl}/webhooks/gitlab`;
}

/** First GitLab version whose hooks sign (gitlab-facts §1.2). */
export const SIGNING_SINCE = { major: 19, minor: 0 } as const;

/** Whether a version as GitLab writes it (`18.9.0-ee`) is at least `wanted`; false for other texts. */
export function isAtLeast(version: string, wanted: { major: number; minor: number }): boolean {
  const match = /^(\d{1,4})\.(\d{1,4})/.exec(version);
  if (!match) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major > wanted.major || (major === wanted.major && minor >= wanted.minor);
}
