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

/** The flag of Node that makes a whole process this mutant. */
export function flagFor(mutant: Mutant): string {
  const text = Buffer.from(JSON.stringify(mutant)).toString('base64url');
  return `--import=${new URL('./install.ts', import.meta.url).href}?mutant=${text}`;
}

/** The text of a file with the defence taken away. @throws Error when the mutant does not fit any more. */
function mutate(text: string, file: string, mutant: Mutant): string {
  let changed = text;
  for (const edit of [mutant, ...(mutant.also ?? [])]) {
    if (edit.file !== file) continue;
    const places = text.split(edit.from).length - 1;
    if (places !== 1) {
      const found = `finds its defence ${places} times in ${file}, not once`;
      throw new Error(`the mutant "${mutant.name}" ${found}`);
    }
    changed = changed.replace(edit.from, () => edit.to);
  }
  return changed;
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
      const file = url.split('?')[0]?.slice(ROOT.length) ?? '';
      if (mutant === undefined || !isOurs(`${ROOT}${file}`)) return loaded;
      const edits = [mutant, ...(mutant.also ?? [])];
      if (!edits.some((edit) => edit.file === file)) return loaded;
      const text = readFileSync(fileURLToPath(`${ROOT}${file}`), 'utf8');
      return { ...loaded, source: mutate(text, file, mutant) };
    },
  });
}

if (whole !== undefined) install();
