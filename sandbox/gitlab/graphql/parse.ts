/** Reads a GraphQL document: one operation with arguments and selections, without fragments by name. */

export type Value =
  | { kind: 'literal'; value: string | number | boolean | null }
  | { kind: 'variable'; name: string }
  | { kind: 'list'; items: Value[] }
  | { kind: 'object'; fields: Record<string, Value> };

export interface Field {
  name: string;
  alias: string;
  args: Record<string, Value>;
  selections: Field[];
}

export interface Operation {
  type: 'query' | 'mutation';
  /** Names of the variables it declares. */
  variables: string[];
  selections: Field[];
}

/** What GraphQL calls a parse error. */
export class ParseError extends Error {}

const TOKEN = /\s+|,|#[^\n]*|(\.\.\.|[{}()[\]:=!$@|]|"(?:[^"\\\n]|\\.)*"|-?\d+|[A-Za-z_]\w*)/gy;

/** @throws ParseError */
export function parseDocument(text: string): Operation {
  const tokens = tokensOf(text);
  const peek = (): string | undefined => tokens[0];
  const take = (wanted?: string): string => {
    const token = tokens.shift();
    if (token === undefined || (wanted !== undefined && token !== wanted)) {
      throw new ParseError(`Parse error on ${JSON.stringify(token ?? 'end of file')}`);
    }
    return token;
  };
  const value = (): Value => {
    const token = take();
    if (token === '$') return { kind: 'variable', name: take() };
    if (token === '[') {
      const items: Value[] = [];
      while (peek() !== ']') items.push(value());
      take(']');
      return { kind: 'list', items };
    }
    if (token === '{') {
      const fields: Record<string, Value> = {};
      while (peek() !== '}') {
        const name = take();
        take(':');
        fields[name] = value();
      }
      take('}');
      return { kind: 'object', fields };
    }
    return { kind: 'literal', value: literal(token) };
  };
  const args = (): Record<string, Value> => {
    const found: Record<string, Value> = {};
    if (peek() !== '(') return found;
    take('(');
    while (peek() !== ')') {
      const name = take();
      take(':');
      found[name] = value();
    }
    take(')');
    return found;
  };
  const selections = (): Field[] => {
    const fields: Field[] = [];
    if (peek() !== '{') return fields;
    take('{');
    while (peek() !== '}') {
      const alias = take();
      const renamed = peek() === ':';
      if (renamed) take(':');
      const name = renamed ? take() : alias;
      fields.push({ name, alias, args: args(), selections: selections() });
    }
    take('}');
    return fields;
  };
  const type = peek() === '{' ? 'query' : take();
  if (type !== 'query' && type !== 'mutation') throw new ParseError(`Parse error on "${type}"`);
  if (/^\w+$/.test(peek() ?? '')) take();
  const variables: string[] = [];
  if (peek() === '(') {
    take('(');
    while (peek() !== ')') {
      if (take() === '$') variables.push(take());
    }
    take(')');
  }
  return { type, variables, selections: selections() };
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < text.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (!match) throw new ParseError(`Parse error on "${text.slice(at, at + 10)}"`);
    if (match[1] !== undefined) tokens.push(match[1]);
  }
  return tokens;
}

function literal(token: string): string | number | boolean | null {
  if (token.startsWith('"')) return JSON.parse(token) as string;
  if (/^-?\d+$/.test(token)) return Number(token);
  if (token === 'true' || token === 'false') return token === 'true';
  return token === 'null' ? null : token;
}
