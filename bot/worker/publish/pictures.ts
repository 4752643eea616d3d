/** Pictures of a result, uploaded and set below the comment that tells it. */
import type { Attachment } from '../../../schema/wire/result.ts';
import type { ForgeReview } from '../../forge/review.ts';
import { neutraliseTitle } from './neutralise.ts';
import { cleanPng } from './png.ts';

const TITLE_CHARS = 100;

/**
 * Lines that show the pictures. Each is looked at again; one that is refused is said. The address is the
 * forge's own answer, so nothing an agent wrote can become an image. After a crash a picture may have been
 * uploaded twice; the first copy is then shown nowhere.
 */
export async function pictureLines(
  attachments: readonly Attachment[],
  upload: (name: string, png: Buffer) => ReturnType<ForgeReview['attach']>,
): Promise<string[]> {
  const lines: string[] = [];
  for (const [place, { name, title, content }] of attachments.entries()) {
    const checked = cleanPng(Buffer.from(content, 'base64'));
    // Words at the start of a line could be a quick action.
    const words = `Picture ${place + 1}: ${plainTitle(title) || 'without words'}`;
    if (checked.ok) {
      const path = await upload(name, checked.png);
      lines.push('', words, '', `![picture ${place + 1}](${path})`);
    } else {
      lines.push('', `${words}. It is not shown, because ${checked.why}.`);
    }
  }
  return lines;
}

/** A title's words in a line of prose: no markup at all. */
function plainTitle(title: string): string {
  return neutraliseTitle(title, TITLE_CHARS)
    .replaceAll(/[\\`*_[\]<>!|#&~]/g, ' ')
    .trim();
}
