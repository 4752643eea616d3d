/**
 * The part of GitLab's GraphQL schema that the sandbox serves: types with their fields, and the
 * arguments of each. What is not here is refused in GitLab's words (docs.gitlab.com/api/graphql/reference).
 */
import type { Field, Operation } from './parse.ts';

interface FieldType {
  /** The type of what it returns; absent for scalars. */
  type?: string;
  args?: readonly string[];
}

const WORK_ITEMS = {
  type: 'WorkItemConnection',
  args: ['types', 'authorUsername', 'iids', 'search', 'in', 'sort', 'first', 'after', 'state'],
} as const;
const NAMESPACE: Readonly<Record<string, FieldType>> = {
  id: {},
  fullPath: {},
  workItemTypes: { type: 'WorkItemTypeConnection', args: ['name', 'first'] },
};

const SCHEMA: Readonly<Record<string, Readonly<Record<string, FieldType>>>> = {
  Query: {
    namespace: { type: 'Namespace', args: ['fullPath'] },
    group: { type: 'Group', args: ['fullPath'] },
    workItem: { type: 'WorkItem', args: ['id'] },
  },
  Mutation: {
    workItemCreate: { type: 'WorkItemCreatePayload', args: ['input'] },
    workItemUpdate: { type: 'WorkItemUpdatePayload', args: ['input'] },
  },
  Namespace: NAMESPACE,
  Group: { ...NAMESPACE, workItems: WORK_ITEMS },
  WorkItemTypeConnection: { nodes: { type: 'WorkItemType' } },
  WorkItemType: { id: {}, name: {} },
  WorkItemConnection: { nodes: { type: 'WorkItem' } },
  WorkItem: { id: {}, iid: {}, title: {}, description: {}, state: {}, webUrl: {} },
  WorkItemCreatePayload: { workItem: { type: 'WorkItem' }, errors: {} },
  WorkItemUpdatePayload: { workItem: { type: 'WorkItem' }, errors: {} },
};

/** Inputs of the mutations, with the fields of their widgets. */
const INPUTS: Readonly<Record<string, Readonly<Record<string, readonly string[] | null>>>> = {
  workItemCreate: {
    namespacePath: null,
    projectPath: null,
    title: null,
    workItemTypeId: null,
    descriptionWidget: ['description'],
    hierarchyWidget: ['parentId'],
  },
  workItemUpdate: {
    id: null,
    title: null,
    stateEvent: null,
    descriptionWidget: ['description'],
    hierarchyWidget: ['parentId', 'childrenIds'],
  },
};

/** Everything in a document that GitLab's schema does not know, in its words; empty when all is well. */
export function validate(operation: Operation): string[] {
  const root = operation.type === 'query' ? 'Query' : 'Mutation';
  return [
    ...operation.selections.flatMap((field) => validateField(field, root)),
    ...operation.selections.flatMap(validateInput),
  ];
}

function validateField(field: Field, owner: string): string[] {
  const known = SCHEMA[owner]?.[field.name];
  if (field.name === '__typename') return [];
  if (!known) return [`Field '${field.name}' doesn't exist on type '${owner}'`];
  const wrong = Object.keys(field.args)
    .filter((name) => !known.args?.includes(name))
    .map((name) => `Field '${field.name}' doesn't accept argument '${name}'`);
  if (known.type === undefined) {
    const selects = field.selections.length > 0;
    return selects
      ? [...wrong, `Selections can't be made on scalars (field '${field.name}')`]
      : wrong;
  }
  if (field.selections.length === 0) {
    return [...wrong, `Field must have selections (field '${field.name}' returns ${known.type})`];
  }
  const { type } = known;
  return [...wrong, ...field.selections.flatMap((inner) => validateField(inner, type))];
}

function validateInput(field: Field): string[] {
  const inputs = INPUTS[field.name];
  const input = field.args['input'];
  if (!inputs || input?.kind !== 'object') return [];
  const type = `${field.name.charAt(0).toUpperCase()}${field.name.slice(1)}Input`;
  const unknown = (name: string, of: string): string =>
    `InputObject '${of}' doesn't accept argument '${name}'`;
  return Object.entries(input.fields).flatMap(([name, value]) => {
    const widget = inputs[name];
    if (widget === undefined) return [unknown(name, type)];
    if (widget === null || value.kind !== 'object') return [];
    return Object.keys(value.fields)
      .filter((inner) => !widget.includes(inner))
      .map((inner) => unknown(inner, name));
  });
}
