/**
 * GitLab's own OpenAPI file (Swagger 2.0), cut into operations and definitions. It stands beside the
 * repository; where it is not, {@link openApiFile} is null.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Ajv, AnySchemaObject } from 'ajv';
import { parse } from 'yaml';
import { UNDESCRIBED, type ApiOperation } from './open-api-gaps.ts';

const FILE = path.join(import.meta.dirname, '../../../shared/reference/gitlab-openapi.yaml');

/** Text of GitLab's OpenAPI file; null where it is not beside the repository. */
export function openApiFile(): string | null {
  return existsSync(FILE) ? readFileSync(FILE, 'utf8') : null;
}

/** An OpenAPI file that was read. */
export interface OpenApi {
  operations: Template[];
  definition(name: string): AnySchemaObject;
}

/** The file that was read last: it stays the same over many logs. */
let last: { text: string; file: OpenApi } | null = null;

/** An operation, and the addresses that reach it. */
export interface Template {
  method: string;
  pattern: RegExp;
  /** How many of its parts are parameters: the fewer, the closer it fits. */
  loose: number;
  read(): ApiOperation;
}

/** An address without its query. */
export const bare = (address: string): string => address.split('?')[0] ?? '';

/** The types of JSON; the file also says `file`, `symbol` and `text`, which take what they are given. */
export const TYPES: ReadonlySet<unknown> = new Set([
  'array',
  'boolean',
  'integer',
  'number',
  'object',
  'string',
]);

/** Teaches a validator the formats that GitLab's file names. */
export function addFormats(ajv: Ajv): void {
  ajv.addFormat(
    'date-time',
    (text) => /^\d{4}-\d\d-\d\d/.test(text) && !Number.isNaN(Date.parse(text)),
  );
  ajv.addFormat('date', /^\d{4}-\d\d-\d\d$/);
  for (const name of ['int32', 'float', 'symbol', 'text', 'json']) ajv.addFormat(name, true);
}

/**
 * The operations and definitions of the text of a file.
 * @throws when it is no OpenAPI file
 */
export function readOpenApi(text: string): OpenApi {
  const file = last?.text === text ? last.file : cut(text);
  last = { text, file };
  return file;
}

/** The operation that a call reaches: the one with the fewest parameters in its address. */
export function findOperation(file: OpenApi, method: string, target: string): Template | undefined {
  return file.operations
    .filter((one) => one.method === method && one.pattern.test(target))
    .toSorted((a, b) => a.loose - b.loose)[0];
}

/** The parts of an object's schema. */
export const propertiesOf = (schema: AnySchemaObject): Record<string, AnySchemaObject> =>
  (schema['properties'] ?? {}) as Record<string, AnySchemaObject>;

/** A schema that is a reference, as what it points to. */
export function resolve(schema: AnySchemaObject, file: OpenApi): AnySchemaObject {
  const name = /^#\/definitions\/(.+)$/.exec(String(schema['$ref'] ?? ''))?.[1];
  return name === undefined ? schema : file.definition(name);
}

/**
 * The file cut into operations and definitions by its indentation; each is parsed when it is needed, since
 * parsing two megabytes of YAML takes seconds.
 */
function cut(openApi: string): OpenApi {
  const [, , definitions = ''] = openApi.split(/^(?:paths|definitions):\n/m);
  if (definitions === '') throw new Error('This is no OpenAPI file: it has no definitions.');
  const blocks = (text: string, indent: string): Map<string, string> => {
    const parts = text.split(new RegExp(`^${indent}"?([^\\s"][^"\\n]*?)"?:\\n`, 'm')).slice(1);
    return new Map(
      parts.flatMap((name, at) => (at % 2 === 0 ? [[name, parts[at + 1] ?? '']] : [])),
    );
  };
  const paths = blocks(openApi.split(/^(?:paths|definitions):\n/m)[1] ?? '', '  ');
  const named = blocks(definitions, '  ');
  const operations = [...paths].flatMap(([address, text]) =>
    [...blocks(text, '    ')].map(([method, block]) =>
      templateOf(method, address.replace(/^\/api\/v4/, ''), () => parse(block) as ApiOperation),
    ),
  );
  const gaps = UNDESCRIBED.map(({ method, path: address, operation }) =>
    templateOf(method, address, () => operation),
  );
  return {
    operations: [...operations, ...gaps],
    definition: (name) => parse(named.get(name) ?? '{}') as AnySchemaObject,
  };
}

/** `{id}` becomes a named group, a trailing `*path` the rest of the address. */
function templateOf(method: string, address: string, read: () => ApiOperation): Template {
  const literal = address.replaceAll(/[.+?^$()|[\]\\]/g, '\\$&');
  const source = literal
    .replaceAll(/\{(\w+)\}/g, '(?<$1>[^/]+)')
    .replaceAll(/\*(\w+)/g, '(?<$1>.+)');
  const loose = (address.match(/[{*]/g) ?? []).length;
  return { method: method.toUpperCase(), pattern: new RegExp(`^${source}$`), loose, read };
}
