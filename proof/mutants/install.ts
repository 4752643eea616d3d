/**
 * Takes one defence away: a module of the product is loaded with a piece of its text replaced. Nothing in
 * the product can be switched; the harness alone reads other text than what stands on disk.
 *
 * In this process a module asked for as `…?mutant=N` is loaded anew, with all of ours that it imports.
 * A process that is started with this file as `--import …/install.ts?mutant=N` is all mutant.
 */
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Mutant } from '../proof.ts';

const ROOT = new URL('../../', import.meta.url).href;
const QUERY = /\?mutant=([\w-]+)$/;

/** Mutants by the name that stands in addresses. */
const known = new Map<string, Mutant>();

/** Makes a mutant known in this process; returns its name in addresses. */
export function know(mutant: Mutant): string {
  const name = String(known.size);
  known.set(name, mutant);
  return name;
}

/** The file with the defence taken away. @throws Error when the mutant does not fit the file any more. */
export function mutate(text: string, { file, name, from, to }: Mutant): string {
  const places = text.split(from).length - 1;
  if (places !== 1) {
    throw new Error(`the mutant "${name}" finds its defence ${places} times in ${file}, not once`);
  }
  return text.replace(from, () => to);
}

/** True for files of the product: the parts that a mutant may stand in or lead to. */
const isOurs = (url: string): boolean =>
  url.startsWith(ROOT) && !url.includes('/node_modules/') && url.endsWith('.ts');

const whole = QUERY.exec(import.meta.url)?.[1];
if (whole !== undefined) {
  known.set('whole', JSON.parse(Buffer.from(whole, 'base64url').toString()) as Mutant);
}

/** Installs the hooks; once per process. */
export function install(): void {
  registerHooks({
    resolve(specifier, context, next) {
      const found = next(specifier, context);
      const from = QUERY.exec(context.parentURL ?? '')?.[0];
      return from === undefined || !isOurs(found.url) ? found : { ...found, url: found.url + from };
    },
    load(url, context, next) {
      const loaded = next(url, context);
      const name = QUERY.exec(url)?.[1] ?? (whole === undefined ? '' : 'whole');
      const mutant = known.get(name);
      if (mutant === undefined || !url.startsWith(`${ROOT}${mutant.file}`)) return loaded;
      const text = readFileSync(fileURLToPath(url.split('?')[0] ?? url), 'utf8');
      return { ...loaded, source: mutate(text, mutant) };
    },
  });
}

if (whole !== undefined) install();
