/**
 * What the project says to those who work on it, as it stands on the default branch: whoever wrote the change
 * could have written its own instructions into its branch (threat C6).
 */
import { git } from './git.ts';
import { splitNul } from './base-tree.ts';

/** Bytes of each document. */
export const GUIDE_BYTES = 8_000;
/** Larger files are no instructions. */
const FILE_BYTES = 1024 * 1024;
/** The first of each group that exists is quoted. */
const GROUPS = [['AGENTS.md', 'CLAUDE.md'], ['CONTRIBUTING.md'], ['README.md', 'README']];
/** What other programs would take instructions or configuration from; here they are files like any other. */
const CONFIGURING = [
  ...['.claude', '.codex', '.cursor', '.gemini', '.github/copilot-instructions.md', '.husky'],
  ...['.mcp.json', '.npmrc', '.cursorrules', '.windsurfrules', '.aider.conf.yml', 'GEMINI.md'],
  ...['bunfig.toml', '.gitmodules', '.gitattributes', '.envrc', '.vscode', '.devcontainer'],
];

export interface Guides {
  documents: { name: string; text: string }[];
  /** Files with instructions or configuration for agents that the change alters. */
  altered: string[];
}

/** The documents at commit `trusted`, and which of their kind differ at `base`. */
export async function readGuides(
  path: string,
  checkout: string,
  trusted: string,
  base: string,
): Promise<Guides> {
  const names = [...GROUPS.flat(), ...CONFIGURING];
  const there = await entriesAt(path, checkout, trusted, names);
  const here = trusted === base ? there : await entriesAt(path, checkout, base, names);
  const documents: Guides['documents'] = [];
  for (const group of GROUPS) {
    for (const name of group) {
      const entry = there.get(name);
      if (entry?.mode.startsWith('100') !== true || entry.size > FILE_BYTES) continue;
      const bytes = await git(path, checkout, ['cat-file', 'blob', entry.id]);
      if (bytes.length === 0 || bytes.includes(0)) continue;
      documents.push({ name, text: bytes.subarray(0, GUIDE_BYTES + 1).toString('utf8') });
      break;
    }
  }
  const altered = names.filter((name) => there.get(name)?.id !== here.get(name)?.id);
  return { documents, altered };
}

type Entries = Map<string, { mode: string; id: string; size: number }>;

async function entriesAt(
  path: string,
  checkout: string,
  sha: string,
  names: readonly string[],
): Promise<Entries> {
  const args = ['--literal-pathspecs', 'ls-tree', '-z', '-l', '--full-tree', sha, '--', ...names];
  const entries: Entries = new Map();
  for (const record of splitNul(await git(path, checkout, args))) {
    const text = record.toString('utf8');
    const tab = text.indexOf('\t');
    const [mode = '', , id = '', size = ''] = text.slice(0, tab).split(/ +/);
    entries.set(text.slice(tab + 1), { mode, id, size: Number(size) || 0 });
  }
  return entries;
}
