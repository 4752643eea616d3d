/**
 * Characters of a text that nobody sees: formatting and bidirectional controls, tags, fillers, variation
 * selectors, and code points that stand for nothing (threat C2). Both programs keep to the same set.
 */

/** An emoji with its presentation or skin tone; digits and the halves of flags are none by themselves. */
const EMOJI = String.raw`(?![0-9#*\u{1F1E6}-\u{1F1FF}])\p{Emoji}(?:\uFE0F|\p{Emoji_Modifier})?`;
/** The only three flags that are spelled with tag characters (Unicode's RGI_Emoji_Tag_Sequence). */
const TAG_FLAGS = String.raw`\u{1F3F4}\u{E0067}\u{E0062}(?:\u{E0065}\u{E006E}\u{E0067}|\u{E0073}\u{E0063}\u{E0074}|\u{E0077}\u{E006C}\u{E0073})\u{E007F}`;
const KEYCAP = String.raw`[0-9#*]\uFE0F\u20E3`;
/** Everything without a picture of its own, but for tab and line feed; and two blanks that pass for letters. */
const HIDDEN = String.raw`(?![\n\t])[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\u2800\u{1D159}]`;

/** Joiners and selectors inside an emoji are part of its picture; outside they are hidden. */
const SEQUENCE = new RegExp(
  `${TAG_FLAGS}|${KEYCAP}|${EMOJI}(?:\\u200D${EMOJI})*|((?:${HIDDEN})+)`,
  'gu',
);
const ANY_HIDDEN = new RegExp(HIDDEN, 'u');

/** The text without hidden characters, and how many stretches of them there were. */
export function stripHidden(text: string): { text: string; stretches: number } {
  if (!ANY_HIDDEN.test(text)) return { text, stretches: 0 };
  let stretches = 0;
  const stripped = replaceHidden(text, () => {
    stretches += 1;
    return '';
  });
  return { text: stripped, stretches };
}

/** The text with each hidden character spelled out, as `‹U+202E›`: for code and diffs, where it matters. */
export function showHidden(text: string): string {
  if (!ANY_HIDDEN.test(text)) return text;
  return replaceHidden(text, (stretch) => [...stretch].map(spelled).join(''));
}

/** The text with characters that were spelled out put back. */
export function unspell(text: string): string {
  return text.replaceAll(/‹U\+([0-9A-F]{4,6})›/g, (spelling, hex: string) => {
    const code = Number.parseInt(hex, 16);
    const char = code <= 0x10ffff ? String.fromCodePoint(code) : '';
    return char !== '' && isHidden(char) ? char : spelling;
  });
}

/** Whether this one character is seen by nobody when it stands between letters. */
export function isHidden(char: string): boolean {
  return ANY_HIDDEN.test(char);
}

function replaceHidden(text: string, replace: (stretch: string) => string): string {
  return text.replaceAll(SEQUENCE, (match, stretch: string | undefined) =>
    stretch === undefined ? match : replace(stretch),
  );
}

function spelled(char: string): string {
  const hex = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  // A line end written by Windows is none of an attacker's doing, and every line would show it.
  return char === '\r' ? char : `‹U+${hex}›`;
}
