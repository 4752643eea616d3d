/** `POST /api/graphql`: reads, checks against the schema, and runs one document. */
import type { Call, Route } from '../rest/call.ts';
import { ok, type Reply } from '../rest/reply.ts';
import { parseDocument, ParseError, type Field, type Operation, type Value } from './parse.ts';
import { validate } from './schema.ts';
import { GraphqlRefusal, mutation, query, type Resolved } from './work-items.ts';

type Variables = Record<string, unknown>;

export const graphqlRoutes: Route[] = [{ method: 'POST', path: '/graphql', handler: serve }];

function serve(call: Call): Reply {
  const text = call.input.need('query');
  const variables = (call.input.raw('variables') ?? {}) as Variables;
  let operation: Operation;
  try {
    operation = parseDocument(text);
  } catch (error) {
    if (error instanceof ParseError) return refusal([error.message]);
    throw error;
  }
  const unknown = validate(operation);
  if (unknown.length > 0) return refusal(unknown);
  const data: Record<string, unknown> = {};
  const errors: { message: string; path: string[] }[] = [];
  for (const field of operation.selections) {
    try {
      const args = argsOf(field, variables);
      const resolved =
        operation.type === 'query'
          ? query(call, field.name, args)
          : mutation(call, field.name, (args['input'] ?? {}) as Variables);
      data[field.alias] = select(resolved, field.selections, variables);
    } catch (error) {
      if (!(error instanceof GraphqlRefusal)) throw error;
      data[field.alias] = null;
      errors.push({ message: error.message, path: [field.alias] });
    }
  }
  return ok(errors.length > 0 ? { data, errors } : { data });
}

function refusal(messages: readonly string[]): Reply {
  return ok({ errors: messages.map((message) => ({ message })) });
}

function select(value: unknown, fields: readonly Field[], variables: Variables): unknown {
  if (value === null || value === undefined) return null;
  if (Array.isArray(value)) return value.map((item) => select(item, fields, variables));
  if (fields.length === 0) return value;
  return Object.fromEntries(
    fields.map((field) => {
      const found = (value as NonNullable<Resolved>)[field.name];
      const plain =
        typeof found === 'function'
          ? (found as (args: Variables) => unknown)(argsOf(field, variables))
          : found;
      return [field.alias, select(plain, field.selections, variables)];
    }),
  );
}

function argsOf(field: Field, variables: Variables): Variables {
  return Object.fromEntries(
    Object.entries(field.args).map(([name, value]) => [name, plainOf(value, variables)]),
  );
}

function plainOf(value: Value, variables: Variables): unknown {
  switch (value.kind) {
    case 'literal':
      return value.value;
    case 'variable':
      return variables[value.name] ?? null;
    case 'list':
      return value.items.map((item) => plainOf(item, variables));
    case 'object':
      return Object.fromEntries(
        Object.entries(value.fields).map(([name, inner]) => [name, plainOf(inner, variables)]),
      );
  }
}
