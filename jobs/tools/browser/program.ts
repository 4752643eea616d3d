/** The browser of the machine; none is ever downloaded. */
import { findProgram } from '../../find-program.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];

/** Full path of the first browser on PATH, or null. */
export async function findBrowser(path: string): Promise<string | null> {
  for (const name of NAMES) {
    const file = await findProgram(name, path);
    if (file !== null) return file;
  }
  return null;
}
