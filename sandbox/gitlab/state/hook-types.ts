/** Webhooks of a project and what was sent to them. */

export const HOOK_EVENTS = [
  'push_events',
  'tag_push_events',
  'issues_events',
  'confidential_issues_events',
  'merge_requests_events',
  'note_events',
  'confidential_note_events',
  'job_events',
  'pipeline_events',
  'wiki_page_events',
  'deployment_events',
  'feature_flag_events',
  'releases_events',
  'milestone_events',
  'emoji_events',
  'resource_access_token_events',
  'repository_update_events',
] as const;
export type HookEventSwitch = (typeof HOOK_EVENTS)[number];

export interface HookLog {
  id: number;
  trigger: string;
  url: string;
  requestHeaders: Record<string, string>;
  requestData: unknown;
  responseHeaders: Record<string, string>;
  responseBody: string;
  /** HTTP status, or `internal error`. */
  responseStatus: string;
  executionDuration: number;
  createdAt: string;
}

export interface Hook {
  id: number;
  projectId: number;
  url: string;
  name: string | null;
  description: string | null;
  token: string | null;
  signingToken: string | null;
  events: Record<HookEventSwitch, boolean>;
  enableSslVerification: boolean;
  pushEventsBranchFilter: string;
  customHeaders: { key: string; value: string }[];
  recentFailures: number;
  disabledUntil: string | null;
  createdAt: string;
  logs: HookLog[];
}
