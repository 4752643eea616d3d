/** Holds calls against GitLab's own OpenAPI file: what it does not know, the real GitLab refuses. */

export interface Operation {
  method: string;
  /** Path with every parameter as `{}`, e.g. `/projects/{}/issues/{}`. */
  path: string;
}

/**
 * Operations of a Swagger file as GitLab generates it, read line by line: parsing two megabytes of
 * YAML takes seconds and nothing but paths and methods is needed.
 */
export function readOperations(openApi: string): Operation[] {
  const operations: Operation[] = [];
  let path: string | null = null;
  for (const line of openApi.split('\n')) {
    const address = /^ {2}"?(\/[^"]*?)"?:$/.exec(line)?.[1];
    const method = /^ {4}(get|post|put|delete|patch|head):$/.exec(line)?.[1];
    if (address !== undefined) path = neutral(address.replace(/^\/api\/v4/, ''));
    else if (/^\S/.test(line)) path = null;
    else if (method !== undefined && path !== null) {
      operations.push({ method: method.toUpperCase(), path });
    }
  }
  return operations;
}

/**
 * What GitLab serves although its generated file leaves it out: these API classes carry no Swagger
 * descriptions. Each with the page of docs.gitlab.com/api that describes it.
 */
export const UNDESCRIBED: readonly { doc: string; methods: string; path: RegExp }[] = [
  { doc: 'users', methods: 'GET', path: /^\/(user|users|users\/{})$/ },
  { doc: 'projects', methods: 'GET PUT POST', path: /^\/projects(\/{}(\/(un)?archive)?)?$/ },
  {
    doc: 'notes',
    methods: 'GET POST PUT DELETE',
    path: /^\/projects\/{}\/(issues|merge_requests)\/{}\/notes(\/{})?$/,
  },
  {
    doc: 'discussions',
    methods: 'GET POST PUT DELETE',
    path: /^\/projects\/{}\/(issues|merge_requests)\/{}\/discussions(\/{}(\/notes(\/{})?)?)?$/,
  },
  { doc: 'labels', methods: 'GET POST PUT DELETE', path: /^\/projects\/{}\/labels(\/{})?$/ },
  {
    doc: 'resource_label_events',
    methods: 'GET',
    path: /^\/projects\/{}\/(issues|merge_requests)\/{}\/resource_label_events(\/{})?$/,
  },
  {
    doc: 'protected_branches',
    methods: 'GET POST PATCH DELETE',
    path: /^\/projects\/{}\/protected_branches(\/{})?$/,
  },
  { doc: 'graphql', methods: 'POST', path: /^\/graphql$/ },
  { doc: 'runners', methods: 'GET PUT DELETE', path: /^\/runners(\/{})?$/ },
];

/** Calls whose method and path GitLab's file does not know and {@link UNDESCRIBED} does not name. */
export function unknownToOpenApi<T extends { method: string; path: string }>(
  calls: readonly T[],
  openApi: string,
): T[] {
  const known = readOperations(openApi).map(({ method, path }) => ({
    method,
    pattern: new RegExp(`^${escape(path).replaceAll('\\{\\}', '[^/]+').replaceAll('\\*', '.+')}$`),
  }));
  return calls.filter((call) => {
    const path = call.path.split('?')[0] ?? '';
    const described = known.some(
      ({ method, pattern }) => method === call.method && pattern.test(path),
    );
    return !described && !undescribed(call.method, path);
  });
}

function undescribed(method: string, path: string): boolean {
  return UNDESCRIBED.some(({ methods, path: pattern }) => {
    const concrete = new RegExp(pattern.source.replaceAll('{}', '[^/]+'));
    return methods.split(' ').includes(method) && concrete.test(path);
  });
}

/** `{id}` and `:id` as `{}`, a trailing wildcard as `*`. */
function neutral(path: string): string {
  return path.replaceAll(/\{[^}]+\}/g, '{}').replaceAll(/\*[a-z_]+/g, '*');
}

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
