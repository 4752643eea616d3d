/** Users, tokens, projects, members, labels and hooks as the REST API shows them. */
import type { Instance } from '../instance.ts';
import { canReadCode, levelOf } from '../services/access.ts';
import { isActive } from '../rest/auth.ts';
import { userOf } from '../state/state.ts';
import type { Hook, HookLog } from '../state/hook-types.ts';
import type { Award, Label, LabelEvent, Noteable, Project, Token, User } from '../state/types.ts';

export function userBasic(gl: Instance, user: User): Record<string, unknown> {
  return {
    id: user.id,
    username: user.username,
    public_email: null,
    name: user.name,
    state: user.state,
    locked: false,
    avatar_url: `${gl.url}/uploads/-/system/user/avatar/${user.id}/avatar.png`,
    web_url: `${gl.url}/${user.username}`,
  };
}

export function userById(gl: Instance, id: number): Record<string, unknown> {
  return userBasic(gl, userOf(gl.state, id));
}

/** `GET /users/:id`. */
export function userPublic(gl: Instance, user: User): Record<string, unknown> {
  return {
    ...userBasic(gl, user),
    created_at: user.createdAt,
    bio: '',
    location: '',
    linkedin: '',
    twitter: '',
    discord: '',
    website_url: '',
    organization: '',
    job_title: '',
    pronouns: null,
    bot: user.bot,
    external: user.external,
    work_information: null,
    followers: 0,
    following: 0,
    is_followed: false,
    local_time: null,
  };
}

/** `GET /user`. */
export function currentUser(gl: Instance, user: User): Record<string, unknown> {
  return {
    ...userPublic(gl, user),
    last_sign_in_at: null,
    confirmed_at: user.createdAt,
    last_activity_on: gl.now().slice(0, 10),
    email: user.email,
    theme_id: 1,
    color_scheme_id: 1,
    projects_limit: 100_000,
    current_sign_in_at: null,
    identities: [],
    can_create_group: true,
    can_create_project: true,
    two_factor_enabled: false,
    private_profile: false,
    commit_email: user.email,
    ...(user.admin ? { is_admin: true } : {}),
  };
}

export function tokenEntity(gl: Instance, token: Token): Record<string, unknown> {
  return {
    id: token.id,
    name: token.name,
    revoked: token.revoked,
    created_at: token.createdAt,
    description: null,
    scopes: token.scopes,
    user_id: token.userId,
    last_used_at: token.lastUsedAt,
    active: isActive(gl, token),
    expires_at: token.expiresAt,
  };
}

/** The short form (`simple=true`), which is also what people without membership see. */
export function projectSimple(gl: Instance, project: Project): Record<string, unknown> {
  const web = `${gl.url}/${project.path}`;
  const [path = '', ...parents] = project.path.split('/').toReversed();
  const namespace = parents.toReversed().join('/');
  return {
    id: project.id,
    description: project.description,
    name: project.name,
    name_with_namespace: [...namespace.split('/'), project.name].join(' / '),
    path,
    path_with_namespace: project.path,
    created_at: project.createdAt,
    default_branch: project.defaultBranch,
    tag_list: [],
    topics: [],
    ssh_url_to_repo: `git@${new URL(gl.url).hostname}:${project.path}.git`,
    http_url_to_repo: `${web}.git`,
    web_url: web,
    readme_url: `${web}/-/blob/${project.defaultBranch}/README.md`,
    forks_count: 0,
    avatar_url: null,
    star_count: 0,
    last_activity_at: project.lastActivityAt,
    visibility: project.visibility,
    namespace: {
      id: 1,
      name: namespace,
      path: namespace.slice(namespace.lastIndexOf('/') + 1),
      kind: 'group',
      full_path: namespace,
      parent_id: null,
    },
  };
}

export function projectFull(
  gl: Instance,
  project: Project,
  user: User | null,
): Record<string, unknown> {
  const { settings } = project;
  const level = levelOf(project, user);
  return {
    ...projectSimple(gl, project),
    empty_repo: false,
    archived: project.archived,
    creator_id: project.creatorId,
    issues_enabled: true,
    merge_requests_enabled: true,
    jobs_enabled: true,
    ci_config_path: '',
    open_issues_count: project.issues.filter((issue) => issue.state === 'opened').length,
    public_jobs: true,
    shared_with_groups: [],
    only_allow_merge_if_pipeline_succeeds: settings.onlyAllowMergeIfPipelineSucceeds,
    allow_merge_on_skipped_pipeline: settings.allowMergeOnSkippedPipeline,
    only_allow_merge_if_all_discussions_are_resolved:
      settings.onlyAllowMergeIfAllDiscussionsAreResolved,
    remove_source_branch_after_merge: settings.removeSourceBranchAfterMerge,
    ci_pipeline_variables_minimum_override_role: settings.pipelineVariablesRole,
    merge_method: 'merge',
    squash_option: 'default_off',
    issues_access_level: 'enabled',
    merge_requests_access_level: 'enabled',
    ...(canReadCode(project, user) ? { repository_access_level: 'enabled' } : {}),
    permissions: {
      project_access:
        user && project.members.has(user.id)
          ? { access_level: level, notification_level: 3 }
          : null,
      group_access: null,
    },
  };
}

export function member(gl: Instance, user: User, level: number): Record<string, unknown> {
  return {
    ...userBasic(gl, user),
    access_level: level,
    created_at: user.createdAt,
    expires_at: null,
    membership_state: 'active',
  };
}

export function labelEntity(project: Project, label: Label): Record<string, unknown> {
  const using = (items: readonly Noteable[]) =>
    items.filter((item) => item.state === 'opened' && item.labelIds.includes(label.id)).length;
  return {
    id: label.id,
    name: label.name,
    description: label.description,
    description_html: label.description ?? '',
    text_color: '#FFFFFF',
    color: label.color,
    archived: false,
    subscribed: false,
    priority: null,
    is_project_label: true,
    open_issues_count: using(project.issues),
    closed_issues_count: 0,
    open_merge_requests_count: using(project.mergeRequests),
  };
}

export function labelEventEntity(
  gl: Instance,
  project: Project,
  item: Noteable,
  event: LabelEvent,
): Record<string, unknown> {
  const label = project.labels.find((candidate) => candidate.id === event.labelId);
  return {
    id: event.id,
    user: userById(gl, event.userId),
    created_at: event.createdAt,
    resource_type: item.kind === 'issue' ? 'Issue' : 'MergeRequest',
    resource_id: item.id,
    label: label
      ? { id: label.id, name: label.name, color: label.color, description: label.description }
      : null,
    action: event.action,
  };
}

export function awardEntity(
  gl: Instance,
  award: Award,
  on: { type: 'Issue' | 'MergeRequest' | 'Note'; id: number },
): Record<string, unknown> {
  return {
    id: award.id,
    name: award.name,
    user: userById(gl, award.userId),
    created_at: award.createdAt,
    updated_at: award.createdAt,
    awardable_id: on.id,
    awardable_type: on.type,
    url: null,
  };
}

/** Signing fields exist from GitLab 19.0 on (gitlab-facts §1.2). */
export function hookEntity(gl: Instance, hook: Hook): Record<string, unknown> {
  return {
    id: hook.id,
    url: hook.url,
    name: hook.name,
    description: hook.description,
    created_at: hook.createdAt,
    project_id: hook.projectId,
    ...hook.events,
    enable_ssl_verification: hook.enableSslVerification,
    alert_status: gl.hooks.alertStatus(hook),
    disabled_until: hook.disabledUntil,
    url_variables: [],
    push_events_branch_filter: hook.pushEventsBranchFilter,
    branch_filter_strategy: 'wildcard',
    custom_webhook_template: null,
    custom_headers: hook.customHeaders.map(({ key }) => ({ key })),
    ...(signs(gl)
      ? { token_present: hook.token !== null, signing_token_present: hook.signingToken !== null }
      : {}),
  };
}

/** Whether this version knows signing tokens. */
export function signs(gl: Instance): boolean {
  return Number.parseInt(gl.version, 10) >= 19;
}

export function hookLogEntity(log: HookLog): Record<string, unknown> {
  return {
    id: log.id,
    url: log.url,
    trigger: log.trigger,
    request_headers: log.requestHeaders,
    request_data: log.requestData,
    response_headers: log.responseHeaders,
    response_body: log.responseBody,
    execution_duration: log.executionDuration,
    response_status: log.responseStatus,
  };
}
