/** The repository that the demo and the stories work on: `wordfreq`, a small command line tool. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';

const FOLDER = fileURLToPath(new URL('./sample', import.meta.url));
const PLACEHOLDER = '# <autodev include>';

export interface SampleFile {
  content: string;
  executable?: boolean;
}

/** One entry of GitLab's `include:`, e.g. `{ project, ref, file, inputs }` or `{ remote, inputs }`. */
export type TemplateInclude = Record<string, unknown>;

/**
 * The sample's files by their path in the repository. `includes` become the `include:` of its
 * `.gitlab-ci.yml`; a local include needs the template among the files, which the caller adds.
 */
export function sampleProjectFiles(...includes: TemplateInclude[]): Record<string, SampleFile> {
  const files: Record<string, SampleFile> = {};
  for (const entry of readdirSync(FOLDER, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const executable = (statSync(file).mode & 0o100) !== 0;
    const name = path.relative(FOLDER, file).split(path.sep).join('/');
    files[name] = { content: readFileSync(file, 'utf8'), ...(executable ? { executable } : {}) };
  }
  const configuration = files['.gitlab-ci.yml'];
  if (configuration === undefined) throw new Error(`${FOLDER} has no .gitlab-ci.yml`);
  const include = stringify({ include: includes }).trimEnd();
  configuration.content = configuration.content.replace(PLACEHOLDER, () => include);
  return files;
}

/** Issues worth filing in the sample, as a person would write them. */
export const SAMPLE_ISSUES = {
  feature: {
    title: 'Add a --json option that prints the counts as JSON',
    description:
      'Other programs should be able to read the result. `wordfreq --json <file>` prints an array ' +
      'of `{"word": "the", "count": 4}` in the same order as the table, and works together with `--top`.',
  },
  bug: {
    title: "don't is counted as two words",
    description:
      "A text with `don't` in it lists `don` and `t`. An apostrophe between letters belongs to the " +
      'word; quotation marks around a word do not.',
  },
} as const;
