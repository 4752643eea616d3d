/** Letters that no accent can be taken from. */
const SPELLED = { ä: 'ae', ö: 'oe', ü: 'ue', ß: 'ss', ø: 'o', ł: 'l', đ: 'd', æ: 'ae', œ: 'oe' };

/** Lower-case letters and digits with hyphens between them; accents are dropped, umlauts written out. */
export function slugify(text) {
  return text
    .normalize('NFC')
    .toLowerCase()
    .replace(/[äöüßøłđæœ]/g, (letter) => SPELLED[letter])
    .normalize('NFD')
    .replace(/\p{M}/gu, '')
    .replace(/[^a-z0-9\s-]/g, '')
    .replace(/[\s-]+/g, '-')
    .replace(/^-|-$/g, '');
}
