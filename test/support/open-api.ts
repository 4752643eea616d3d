/**
 * Holds calls against GitLab's own OpenAPI file (Swagger 2.0): path, parameters, types, what is required.
 *
 * For a proof that kept a call log: `requestFaults(gitlab.calls.all, openApiFile() ?? '')` is empty when the
 * real GitLab would have taken every call.
 */
import { Ajv, type AnySchemaObject, type ValidateFunction } from 'ajv';
import {
  addFormats,
  bare,
  findOperation,
  propertiesOf,
  readOpenApi,
  resolve,
  TYPES,
  type OpenApi,
  type Template,
} from './open-api-file.ts';
import type { ApiOperation, Parameter } from './open-api-gaps.ts';

/** A call as the sandbox's log keeps it, as far as it is read here. */
export interface LoggedCall {
  method: string;
  /** After `/api/v4`, with query, percent-encoding kept. */
  path: string;
  body: unknown;
}

export interface RequestFault {
  /** Method and path without query, with numbers as `{}`: calls of one kind are told once. */
  call: string;
  /** What GitLab's file does not know or allow, e.g. `parameter colour: unknown`. */
  problem: string;
  /** How many calls had it. */
  times: number;
}

/** Pagination and the way to sign in are part of every operation. */
const EVERYWHERE: Readonly<Record<string, AnySchemaObject>> = {
  private_token: { type: 'string' },
  job_token: { type: 'string' },
  page: { type: 'integer', minimum: 1 },
  per_page: { type: 'integer', minimum: 1, maximum: 100 },
};

/**
 * What GitLab would not take of these calls, by its OpenAPI file: unknown paths and parameters, wrong types and
 * values, missing parameters. Text in a query counts as what it reads as; a body keeps its JSON types.
 * Calls that the file leaves out are held to {@link UNDESCRIBED}.
 * @throws when the text is no OpenAPI file
 */
export function requestFaults(calls: readonly LoggedCall[], openApi: string): RequestFault[] {
  const file = readOpenApi(openApi);
  const found = new Map<string, RequestFault>();
  for (const call of calls) {
    for (const problem of problemsOf(call, file)) {
      const kind = `${call.method} ${bare(call.path).replaceAll(/\d+|[0-9a-f]{40}/g, '{}')}`;
      const known = found.get(`${kind} ${problem}`) ?? { call: kind, problem, times: 0 };
      found.set(`${kind} ${problem}`, { ...known, times: known.times + 1 });
    }
  }
  return [...found.values()];
}

interface Check {
  path: ValidateFunction;
  query: ValidateFunction;
  body: ValidateFunction;
  names: readonly string[];
  required: readonly string[];
}

const coercing = new Ajv({ strict: false, allErrors: true, coerceTypes: 'array' });
const exact = new Ajv({ strict: false, allErrors: true });
for (const ajv of [coercing, exact]) addFormats(ajv);

/** Each operation is compiled at its first call. */
const checks = new WeakMap<Template, Check>();

function problemsOf(call: LoggedCall, file: OpenApi): string[] {
  const target = bare(call.path);
  const template = findOperation(file, call.method, target);
  if (template === undefined) return ['path: unknown'];
  const check = checks.get(template) ?? compile(template.read(), file);
  checks.set(template, check);
  const query = queryOf(call.path);
  const body = fields(call.body);
  const given = { ...query, ...body };
  const groups = Object.entries(template.pattern.exec(target)?.groups ?? {});
  const inPath = Object.fromEntries(groups.map(([name, text]) => [name, decodeURIComponent(text)]));
  return [
    ...Object.keys(given)
      .filter((name) => !check.names.includes(name))
      .map((name) => `parameter ${name}: unknown`),
    ...check.required
      .filter((name) => given[name] === undefined)
      .map((name) => `parameter ${name}: missing`),
    ...errorsOf(check.path, inPath),
    ...errorsOf(check.query, query),
    ...errorsOf(check.body, body),
  ];
}

function errorsOf(validate: ValidateFunction, value: Record<string, unknown>): string[] {
  if (validate(structuredClone(value))) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const more = params['additionalProperty'] ?? params['allowedValues'];
    const where = instancePath.slice(1).replaceAll('/', '.');
    return `parameter ${where}: ${message}${more === undefined ? '' : ` (${String(more)})`}`;
  });
}

/** `a[]=1&a[]=2` is a list, `a[b]=1` an object, as Rails reads them. */
function queryOf(address: string): Record<string, unknown> {
  const query: Record<string, unknown> = {};
  for (const [key, value] of new URLSearchParams(address.split('?')[1] ?? '')) {
    const [, name = key, inner] = /^([^[]+)\[([^\]]*)\]$/.exec(key) ?? [];
    const before = query[name];
    // Grape also reads the `True` of Python.
    if (inner === undefined)
      query[name] = value.replace(/^(True|False)$/, (word) => word.toLowerCase());
    else if (inner === '') query[name] = [...(Array.isArray(before) ? before : []), value];
    else query[name] = { ...(before as object | undefined), [inner]: value };
  }
  return query;
}

function fields(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return {};
  // A parameter that is null is as good as not given: Grape takes it for every type.
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
}

function compile(operation: ApiOperation, file: OpenApi): Check {
  const known: Record<string, AnySchemaObject> = { ...EVERYWHERE };
  const inPath: Record<string, AnySchemaObject> = {};
  const required: string[] = [];
  const add = (name: string, schema: AnySchemaObject, needed: boolean): void => {
    known[name.replace(/\[\]$/, '')] = schema;
    if (needed) required.push(name);
  };
  for (const parameter of operation.parameters ?? []) {
    if (parameter.in === 'header') continue;
    if (parameter.in === 'path') {
      inPath[parameter.name] = schemaOf(parameter);
    } else if (parameter.schema === undefined) {
      add(parameter.name, schemaOf(parameter), parameter.required ?? false);
    } else {
      const whole = resolve(parameter.schema, file);
      const needed = (whole['required'] ?? []) as string[];
      for (const [name, schema] of Object.entries(propertiesOf(whole))) {
        const told = EITHER.has(name) ? { type: ['integer', 'string'] } : closed(schema, file);
        add(name, told, needed.includes(name));
      }
    }
  }
  const object = (properties: Record<string, AnySchemaObject>): AnySchemaObject => ({
    type: 'object',
    properties,
  });
  return {
    path: coercing.compile(object(inPath)),
    query: coercing.compile(object(known)),
    body: exact.compile(object(known)),
    names: Object.keys(known),
    required,
  };
}

function schemaOf({
  name,
  type,
  enum: values,
  items,
  format,
  description,
}: Parameter): AnySchemaObject {
  if (EITHER.has(name)) return { type: ['integer', 'string'] };
  if (!TYPES.has(type)) return {};
  if (type === 'array' && BY_COMMA.test(description ?? '')) return { type: ['array', 'string'] };
  return {
    type,
    ...(values ? { enum: values } : {}),
    ...(items ? { items } : {}),
    ...(format ? { format } : {}),
  };
}

/**
 * The file names one type of these, but each takes a number and text: the path of a project (doc/api/rest,
 * "Namespaced paths"), the name of a branch (doc/api/branches), the other end of a link (doc/api/issue_links).
 */
const EITHER: ReadonlySet<string> = new Set([
  'id',
  'branch',
  'target_project_id',
  'target_issue_iid',
]);

/** Lists that the file calls so come as one text as well (Grape's CommaSeparatedToArray). */
const BY_COMMA = /comma[- ]separated/i;

/**
 * A schema with its references put in, closed against unknown keys. What its parts require is left out: the
 * generator lists there what Grape requires under a condition alone (`content` of a commit's action).
 */
function closed(schema: AnySchemaObject, file: OpenApi): AnySchemaObject {
  const { required: _conditional, ...found } = resolve(schema, file);
  if (found['type'] !== undefined && !TYPES.has(found['type'])) return {};
  if (found['type'] === 'array' && BY_COMMA.test(String(found['description'] ?? ''))) {
    return { type: ['array', 'string'], items: found['items'] };
  }
  const parts = Object.entries(propertiesOf(found)).map(([name, part]) => [
    name,
    closed(part, file),
  ]);
  return {
    ...found,
    ...(found['items'] ? { items: closed(found['items'] as AnySchemaObject, file) } : {}),
    ...(parts.length > 0
      ? { properties: Object.fromEntries(parts), additionalProperties: false }
      : {}),
  };
}
