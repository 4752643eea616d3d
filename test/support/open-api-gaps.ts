/**
 * What GitLab serves although its generated OpenAPI file leaves it out: these API classes carry no Swagger
 * descriptions. Written in our own words after the page of docs.gitlab.com/api that each row names.
 */
import type { AnySchemaObject } from 'ajv';

/** A parameter as Swagger 2.0 describes it. */
export interface Parameter {
  name: string;
  description?: string;
  in: 'path' | 'query' | 'body' | 'formData' | 'header';
  required?: boolean;
  type?: string;
  format?: string;
  enum?: unknown[];
  items?: AnySchemaObject;
  schema?: AnySchemaObject;
}

export interface ApiOperation {
  responses?: Readonly<Record<string, { schema?: AnySchemaObject }>>;
  parameters?: Parameter[];
}

const text = { type: 'string' };
const number = { type: 'integer' };
const flag = { type: 'boolean' };
const time = { type: 'string', format: 'date-time' };
const texts = { type: 'array', items: text };
const one = (...values: string[]): AnySchemaObject => ({ type: 'string', enum: values });
const SORT = one('asc', 'desc');

const LINE = {
  type: 'object',
  properties: { line_code: text, type: one('new', 'old', 'expanded'), old_line: {}, new_line: {} },
  additionalProperties: false,
};
/** A place in a diff (doc/api/discussions.md, "Create a new thread in the merge request diff"). */
const POSITION = {
  type: 'object',
  properties: {
    base_sha: text,
    start_sha: text,
    head_sha: text,
    position_type: one('text', 'image', 'file'),
    old_path: text,
    new_path: text,
    old_line: { type: ['integer', 'null'] },
    new_line: { type: ['integer', 'null'] },
    line_range: {
      type: 'object',
      properties: { start: LINE, end: LINE },
      additionalProperties: false,
    },
  },
  required: ['base_sha', 'start_sha', 'head_sha', 'position_type'],
  additionalProperties: false,
};

/** Of the many settings of a project, those that the sandbox knows. */
const PROJECT_SETTINGS = {
  name: text,
  description: text,
  default_branch: text,
  visibility: one('private', 'internal', 'public'),
  ci_pipeline_variables_minimum_override_role: one(
    'no_one_allowed',
    'developer',
    'maintainer',
    'owner',
  ),
  only_allow_merge_if_pipeline_succeeds: flag,
  allow_merge_on_skipped_pipeline: flag,
  only_allow_merge_if_all_discussions_are_resolved: flag,
  remove_source_branch_after_merge: flag,
};
const PROTECTION = {
  push_access_level: number,
  merge_access_level: number,
  unprotect_access_level: number,
  allow_force_push: flag,
};

interface Gap {
  doc: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Addresses of the same form, with parameters as in GitLab's file. */
  paths: readonly string[];
  takes?: Readonly<Record<string, AnySchemaObject>>;
  needs?: readonly string[];
}

const both = (rest: string): string[] =>
  ['issues', 'merge_requests'].map((kind) => `/projects/{id}/${kind}/{noteable_id}/${rest}`);

const GAPS: readonly Gap[] = [
  { doc: 'users', method: 'GET', paths: ['/user', '/users/{user_id}'] },
  {
    doc: 'users',
    method: 'GET',
    paths: ['/users'],
    takes: { username: text, search: text, active: flag, humans: flag, order_by: text, sort: SORT },
  },
  {
    doc: 'projects',
    method: 'GET',
    paths: ['/projects'],
    takes: {
      archived: flag,
      membership: flag,
      min_access_level: number,
      order_by: one('id', 'name', 'path', 'created_at', 'updated_at', 'last_activity_at'),
      owned: flag,
      search: text,
      simple: flag,
      sort: SORT,
      id_after: number,
      pagination: one('keyset'),
    },
  },
  {
    doc: 'projects',
    method: 'GET',
    paths: ['/projects/{id}'],
    takes: { license: flag, statistics: flag, with_custom_attributes: flag },
  },
  { doc: 'projects', method: 'PUT', paths: ['/projects/{id}'], takes: PROJECT_SETTINGS },
  {
    doc: 'projects',
    method: 'POST',
    paths: ['/projects/{id}/archive', '/projects/{id}/unarchive'],
  },
  {
    doc: 'notes',
    method: 'GET',
    paths: both('notes'),
    takes: {
      order_by: one('created_at', 'updated_at'),
      sort: SORT,
      activity_filter: one('all_notes', 'only_comments', 'only_activity'),
    },
  },
  {
    doc: 'notes',
    method: 'POST',
    paths: both('notes'),
    takes: {
      body: text,
      confidential: flag,
      internal: flag,
      created_at: time,
      merge_request_diff_head_sha: text,
    },
    needs: ['body'],
  },
  { doc: 'notes', method: 'GET', paths: both('notes/{note_id}') },
  {
    doc: 'notes',
    method: 'PUT',
    paths: both('notes/{note_id}'),
    takes: { body: text, confidential: flag },
    needs: ['body'],
  },
  { doc: 'notes', method: 'DELETE', paths: both('notes/{note_id}') },
  {
    doc: 'discussions',
    method: 'GET',
    paths: [...both('discussions'), ...both('discussions/{discussion_id}')],
  },
  {
    doc: 'discussions',
    method: 'POST',
    paths: both('discussions'),
    takes: { body: text, created_at: time, commit_id: text, position: POSITION },
    needs: ['body'],
  },
  {
    doc: 'discussions',
    method: 'PUT',
    paths: both('discussions/{discussion_id}'),
    takes: { resolved: flag },
    needs: ['resolved'],
  },
  {
    doc: 'discussions',
    method: 'POST',
    paths: both('discussions/{discussion_id}/notes'),
    takes: { body: text, created_at: time },
    needs: ['body'],
  },
  {
    doc: 'discussions',
    method: 'PUT',
    paths: both('discussions/{discussion_id}/notes/{note_id}'),
    takes: { body: text, resolved: flag },
  },
  {
    doc: 'discussions',
    method: 'DELETE',
    paths: both('discussions/{discussion_id}/notes/{note_id}'),
  },
  {
    doc: 'labels',
    method: 'GET',
    paths: ['/projects/{id}/labels'],
    takes: { with_counts: flag, include_ancestor_groups: flag, search: text, archived: flag },
  },
  {
    doc: 'labels',
    method: 'POST',
    paths: ['/projects/{id}/labels'],
    takes: { name: text, color: text, description: text, priority: number, archived: flag },
    needs: ['name', 'color'],
  },
  {
    doc: 'labels',
    method: 'GET',
    paths: ['/projects/{id}/labels/{label_id}'],
    takes: { include_ancestor_groups: flag },
  },
  {
    doc: 'labels',
    method: 'PUT',
    paths: ['/projects/{id}/labels/{label_id}'],
    takes: { new_name: text, color: text, description: text, priority: number, archived: flag },
  },
  { doc: 'labels', method: 'DELETE', paths: ['/projects/{id}/labels/{label_id}'] },
  {
    doc: 'resource_label_events',
    method: 'GET',
    paths: ['issues', 'merge_requests'].flatMap((kind) => [
      `/projects/{id}/${kind}/{eventable_id}/resource_label_events`,
      `/projects/{id}/${kind}/{eventable_id}/resource_label_events/{event_id}`,
    ]),
  },
  {
    doc: 'protected_branches',
    method: 'GET',
    paths: ['/projects/{id}/protected_branches'],
    takes: { search: text },
  },
  {
    doc: 'protected_branches',
    method: 'POST',
    paths: ['/projects/{id}/protected_branches'],
    takes: { name: text, ...PROTECTION },
    needs: ['name'],
  },
  {
    doc: 'protected_branches',
    method: 'GET',
    paths: ['/projects/{id}/protected_branches/{name}'],
  },
  {
    doc: 'protected_branches',
    method: 'PATCH',
    paths: ['/projects/{id}/protected_branches/{name}'],
    takes: { allow_force_push: flag },
  },
  {
    doc: 'protected_branches',
    method: 'DELETE',
    paths: ['/projects/{id}/protected_branches/{name}'],
  },
  {
    doc: 'graphql',
    method: 'POST',
    paths: ['/graphql'],
    takes: { query: text, variables: { type: 'object' }, operationName: text },
    needs: ['query'],
  },
  {
    doc: 'runners',
    method: 'GET',
    paths: ['/runners'],
    takes: { type: text, status: text, paused: flag, tag_list: texts, version_prefix: text },
  },
  { doc: 'runners', method: 'GET', paths: ['/runners/{runner_id}'] },
];

export interface GapOperation {
  method: string;
  path: string;
  operation: ApiOperation;
}

/** The rows as Swagger would tell them. */
export const UNDESCRIBED: readonly GapOperation[] = GAPS.flatMap(
  ({ method, paths, takes = {}, needs = [] }) =>
    paths.map((path) => ({ method, path, operation: operationOf(path, takes, needs) })),
);

function operationOf(
  path: string,
  takes: Readonly<Record<string, AnySchemaObject>>,
  needs: readonly string[],
): ApiOperation {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']): Parameter => {
    const type = /^(id|label_id|discussion_id|name)$/.test(name) ? 'string' : 'integer';
    return { name, in: 'path', type };
  });
  const schema = { type: 'object', properties: takes, required: needs };
  return { parameters: [...inPath, { name: 'body', in: 'body', schema }] };
}
