/** Purpose: text by people or programs inside of what an agent reads. */

/** Text by people or programs between markers that it cannot contain. */
export function fenced(name: string, text: string): string {
  const safe = text.replaceAll(/<(\/?)(data)/gi, '‹$1$2');
  return `<data name="${name}">\n${safe}\n</data>`;
}
