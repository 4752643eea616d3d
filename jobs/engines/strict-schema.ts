/** JSON schemas as structured outputs of the providers want them. */

export type Schema = Record<string, unknown>;

/**
 * Strict mode wants every property required, at every depth: an optional one may be null instead. It
 * knows no `default`: what a report may leave out is filled in when it is checked.
 */
export function strictSchema(schema: Schema): Schema {
  const { default: _, ...strict } = schema;
  if (strict['anyOf']) strict['anyOf'] = (strict['anyOf'] as Schema[]).map(strictSchema);
  if (strict['items']) strict['items'] = strictSchema(strict['items'] as Schema);
  if (strict['properties']) {
    const properties = strict['properties'] as Record<string, Schema>;
    const required = (strict['required'] ?? []) as string[];
    const entries = Object.entries(properties).map(([name, inner]): [string, Schema] => [
      name,
      required.includes(name) ? strictSchema(inner) : nullable(strictSchema(inner)),
    ]);
    strict['properties'] = Object.fromEntries(entries);
    strict['required'] = Object.keys(properties);
  }
  return strict;
}

function nullable(schema: Schema): Schema {
  const choices = (schema['anyOf'] ?? []) as Schema[];
  if (choices.some(({ type }) => type === 'null')) return schema;
  return { anyOf: [schema, { type: 'null' }] };
}
