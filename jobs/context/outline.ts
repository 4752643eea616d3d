/** What a source file defines at its top level, by the look of its lines. */
import { extname } from 'node:path';
import { locate, openRegular } from '../tools/paths.ts';

const FILE_BYTES = 64 * 1024;
const NAMES = 12;
const NAME_CHARS = 60;

const SCRIPT =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type|enum) ([\w$]+)/gm;
const JVM =
  /^(?:public |internal |final |abstract |sealed |open |data )*(?:class|interface|enum|record|object|struct) (\w+)/gm;

const DEFINITIONS: Readonly<Record<string, RegExp>> = {
  '.ts': SCRIPT,
  '.tsx': SCRIPT,
  '.mts': SCRIPT,
  '.js': SCRIPT,
  '.jsx': SCRIPT,
  '.mjs': SCRIPT,
  '.py': /^(?:async )?(?:def|class) (\w+)/gm,
  '.go': /^(?:func (?:\([^)\n]{0,80}\) )?|type )(\w+)/gm,
  '.rs': /^pub (?:async )?(?:unsafe )?(?:fn|struct|enum|trait|mod|type|const) (\w+)/gm,
  '.java': JVM,
  '.kt': JVM,
  '.cs': JVM,
  '.rb': /^ {0,2}(?:class|module|def) ([\w.]+)/gm,
  '.php': /^(?:abstract |final )?(?:class|interface|trait|function) (\w+)/gm,
  '.c': /^[a-z][\w *]{0,60}?\b(\w+)\([^;\n]*$/gm,
  '.h': /^(?:typedef struct|struct|enum|class) (\w+)/gm,
};

/** Extensions of files that are looked into. */
export const OUTLINED: ReadonlySet<string> = new Set(Object.keys(DEFINITIONS));

/** Names that a file below `root` defines, in their order; none when it cannot be read as text. */
export async function outlineOf(root: string, path: string): Promise<string[]> {
  const definition = DEFINITIONS[extname(path)];
  if (definition === undefined) return [];
  const located = await locate(root, path);
  if (!located.ok) return [];
  const opened = await openRegular(located);
  if (!opened.ok) return [];
  try {
    const buffer = Buffer.alloc(Math.min(opened.size, FILE_BYTES));
    const { bytesRead } = await opened.file.read(buffer, 0, buffer.length, 0);
    const text = buffer.subarray(0, bytesRead);
    if (text.includes(0)) return [];
    const names = [...text.toString('utf8').matchAll(definition)].map((match) => match[1] ?? '');
    return [...new Set(names)].slice(0, NAMES).map((name) => name.slice(0, NAME_CHARS));
  } finally {
    await opened.file.close();
  }
}
