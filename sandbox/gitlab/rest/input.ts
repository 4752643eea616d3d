/** Typed reading of query and body parameters; a wrong type is GitLab's 400 `{error}`. */
import { badParameter } from './reply.ts';

export interface Input {
  has(name: string): boolean;
  str(name: string): string | undefined;
  /** Required text; blank counts as missing unless `allowEmpty`. */
  need(name: string): string;
  int(name: string): number | undefined;
  bool(name: string): boolean | undefined;
  /** A list, given as an array or separated by commas. */
  list(name: string): string[] | undefined;
  ids(name: string): number[] | undefined;
  /** ISO time in milliseconds. */
  time(name: string): number | undefined;
  raw(name: string): unknown;
}

export function createInput(values: Record<string, unknown>): Input {
  const value = (name: string): unknown => values[name];
  const has = (name: string): boolean => value(name) !== undefined;
  const str = (name: string): string | undefined => {
    const found = value(name);
    if (found === undefined || found === null) return undefined;
    if (typeof found === 'string') return found;
    if (typeof found === 'number' || typeof found === 'boolean') return String(found);
    throw badParameter(`${name} is invalid`);
  };
  const list = (name: string): string[] | undefined => {
    const found = value(name);
    if (found === undefined || found === null) return undefined;
    const parts = Array.isArray(found) ? found.map(String) : String(found).split(',');
    return parts.map((part) => part.trim()).filter((part) => part !== '');
  };
  const int = (name: string): number | undefined => {
    const text = str(name);
    if (text === undefined || text === '') return undefined;
    if (!/^-?\d+$/.test(text)) throw badParameter(`${name} is invalid`);
    return Number(text);
  };
  return {
    has,
    str,
    int,
    list,
    raw: value,
    need(name) {
      const text = str(name);
      if (text === undefined) throw badParameter(`${name} is missing`);
      if (text.trim() === '') throw badParameter(`${name} is empty`);
      return text;
    },
    bool(name) {
      const text = str(name);
      if (text === undefined || text === '') return undefined;
      if (/^(true|1|yes|on|t)$/i.test(text)) return true;
      if (/^(false|0|no|off|f)$/i.test(text)) return false;
      throw badParameter(`${name} is invalid`);
    },
    ids(name) {
      const found = list(name);
      if (!found) return undefined;
      return found.map((part) => {
        if (!/^\d+$/.test(part)) throw badParameter(`${name} is invalid`);
        return Number(part);
      });
    },
    time(name) {
      const text = str(name);
      if (text === undefined) return undefined;
      const time = Date.parse(text);
      if (Number.isNaN(time)) throw badParameter(`${name} is invalid`);
      return time;
    },
  };
}
