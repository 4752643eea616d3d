import { slugify } from './slugify.js';

/** A slug that is not in the set `taken`: with -2, -3, … when it has to be. */
export function uniqueSlug(text, taken) {
  const slug = slugify(text) || 'untitled';
  for (let n = 1; ; n += 1) {
    const candidate = n === 1 ? slug : `${slug}-${n}`;
    if (!taken.has(candidate)) return candidate;
  }
}
