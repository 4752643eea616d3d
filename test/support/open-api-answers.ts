/** Holds answers against the response schemas of GitLab's own OpenAPI file, as far as it has any. */
import { Ajv, type AnySchemaObject, type ValidateFunction } from 'ajv';
import {
  bare,
  findOperation,
  propertiesOf,
  readOpenApi,
  resolve,
  TYPES,
  addFormats,
  type OpenApi,
  type Template,
} from './open-api-file.ts';

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
addFormats(ajv);
const checks = new WeakMap<Template, ValidateFunction>();

/** Entities in entities deeper than this are not looked into: some point back at themselves. */
const MAX_DEPTH = 5;

/**
 * Where the body of a good answer has another type than GitLab's file says, e.g. `/duration must be integer,null`;
 * empty too for operations without a schema. What the file does not name is not looked at, and every part may be
 * null: the generator knows neither which parts are optional nor which are always there.
 * @throws when the text is no OpenAPI file
 */
export function answerFaults(
  method: string,
  address: string,
  body: unknown,
  openApi: string,
): string[] {
  const file = readOpenApi(openApi);
  const template = findOperation(file, method, bare(address));
  // A log or a file is answered as it is.
  if (template === undefined || typeof body !== 'object') return [];
  const validate = checks.get(template) ?? compile(template, file);
  checks.set(template, validate);
  // The file often describes a list by its rows.
  const rows = Array.isArray(body) ? body : [body];
  return rows.flatMap((row) =>
    validate(row)
      ? []
      : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`),
  );
}

function compile(template: Template, file: OpenApi): ValidateFunction {
  const answers = Object.entries(template.read().responses ?? {});
  const schema = answers.find(([status]) => status.startsWith('2'))?.[1].schema ?? {};
  const whole = resolve(schema, file);
  const row = whole['type'] === 'array' ? (whole['items'] as AnySchemaObject) : whole;
  return ajv.compile(loosened(row, file, 0));
}

/**
 * The schema with its references put in; each part may be null. The generator says `string` of whatever it knows
 * nothing about, so that says nothing; and it describes a list by its rows.
 */
function loosened(schema: AnySchemaObject, file: OpenApi, depth: number): AnySchemaObject {
  if (depth > MAX_DEPTH) return {};
  const found = resolve(schema, file);
  const type: unknown = found['type'];
  if (!TYPES.has(type) || type === 'string') return {};
  const parts = Object.entries(propertiesOf(found)).map(([name, part]) => [
    name,
    loosened(part, file, depth + 1),
  ]);
  const items = found['items'] as AnySchemaObject | undefined;
  const properties = Object.fromEntries(parts);
  if (type === 'object')
    return { type: ['object', 'array', 'null'], properties, items: { properties } };
  return {
    type: [type, 'null'],
    ...(items ? { items: loosened(items, file, depth + 1) } : {}),
  };
}
