/** Letters that no accent can be taken from. */
const SPELLED = {
  ä: 'ae',
  ö: 'oe',
  ü: 'ue',
  ß: 'ss',
  è: 'e',
  û: 'u',
  é: 'e',
  å: 'a',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  æ: 'ae',
  œ: 'oe',
};

/** Lower-case letters and digits with hyphens between them; accents are dropped, umlauts written out. */
export function slugify(text) {
  return text
    .toLowerCase()
    .replace(/[äöüßøłđæœèûéå]/g, (letter) => SPELLED[letter])
    .replace(/[^a-z0-9\s-]/g, '')
    .replace(/[\s-]+/g, '-')
    .replace(/^-|-$/g, '');
}
