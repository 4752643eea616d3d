/**
 * Our own few rules for Semgrep: plain mistakes with few false alarms, for JavaScript, TypeScript and
 * Python. `AUTODEV_SEMGREP_RULES` on the runner takes their place.
 */

interface SemgrepRule {
  id: string;
  languages: string[];
  severity: 'ERROR' | 'WARNING';
  message: string;
  metadata: { cwe: string };
  pattern?: string;
  'pattern-either'?: { pattern: string }[];
  patterns?: Record<string, unknown>[];
}

const JS = ['javascript', 'typescript'];
const PY = ['python'];

function rule(
  id: string,
  languages: string[],
  severity: SemgrepRule['severity'],
  cwe: string,
  message: string,
  patterns: string[],
  but: string[] = [],
): SemgrepRule {
  const either = patterns.map((pattern) => ({ pattern }));
  const body =
    but.length === 0
      ? { 'pattern-either': either }
      : { patterns: [{ 'pattern-either': either }, ...but.map((one) => ({ 'pattern-not': one }))] };
  return { id, languages, severity, message, metadata: { cwe }, ...body };
}

export const SEMGREP_RULES: readonly SemgrepRule[] = [
  rule(
    'js-eval',
    JS,
    'ERROR',
    'CWE-95',
    'Text is run as code.',
    ['eval($X)', 'new Function(..., $X)'],
    ['eval("...")', 'new Function(..., "...")'],
  ),
  rule(
    'js-shell-joined',
    JS,
    'ERROR',
    'CWE-78',
    'A shell command is joined from parts. Pass the arguments as a list to execFile or spawn.',
    [
      'exec($A + $B, ...)',
      'execSync($A + $B, ...)',
      'exec(`...${$X}...`, ...)',
      'execSync(`...${$X}...`, ...)',
    ],
  ),
  rule(
    'js-sql-joined',
    JS,
    'ERROR',
    'CWE-89',
    'A query is joined from parts. Pass the values as parameters.',
    [
      '$DB.query($A + $B, ...)',
      '$DB.query(`...${$X}...`, ...)',
      '$DB.execute($A + $B, ...)',
      '$DB.execute(`...${$X}...`, ...)',
    ],
  ),
  rule(
    'js-html-assigned',
    JS,
    'WARNING',
    'CWE-79',
    'Text becomes markup of the page.',
    ['$X.innerHTML = $Y', '$X.outerHTML = $Y', 'document.write($Y)'],
    ['$X.innerHTML = "..."', '$X.outerHTML = "..."', 'document.write("...")'],
  ),
  rule(
    'js-certificates-ignored',
    JS,
    'ERROR',
    'CWE-295',
    'Certificates of the other side are not checked.',
    ['{..., rejectUnauthorized: false, ...}', "process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'"],
  ),
  rule(
    'py-eval',
    PY,
    'ERROR',
    'CWE-95',
    'Text is run as code.',
    ['eval($X, ...)', 'exec($X, ...)'],
    ['eval("...", ...)', 'exec("...", ...)'],
  ),
  rule(
    'py-shell',
    PY,
    'ERROR',
    'CWE-78',
    'A command goes through a shell. Pass the arguments as a list, without shell=True.',
    ['subprocess.$F(..., shell=True, ...)', 'os.system($X)', 'os.popen($X, ...)'],
    ['subprocess.$F("...", shell=True, ...)', 'os.system("...")', 'os.popen("...", ...)'],
  ),
  rule(
    'py-sql-joined',
    PY,
    'ERROR',
    'CWE-89',
    'A query is joined from parts. Pass the values as parameters.',
    [
      '$C.execute($A + $B, ...)',
      '$C.execute($A % $B, ...)',
      '$C.execute(f"...{$X}...", ...)',
      '$C.execute("...".format(...), ...)',
    ],
  ),
  rule('py-unsafe-load', PY, 'ERROR', 'CWE-502', 'Loading this data can run code.', [
    'pickle.load($X, ...)',
    'pickle.loads($X, ...)',
    'marshal.loads($X)',
    'yaml.load($X)',
    'yaml.load($X, Loader=yaml.Loader)',
    'yaml.load($X, Loader=yaml.UnsafeLoader)',
  ]),
  rule(
    'py-certificates-ignored',
    PY,
    'ERROR',
    'CWE-295',
    'Certificates of the other side are not checked.',
    ['requests.$F(..., verify=False, ...)', 'ssl._create_unverified_context(...)'],
  ),
];
