/**
 * What an isolated agent sees of the machine: an allow-list. The programs and libraries of the system, the
 * folders on PATH and its own; what is not named here is not there.
 */
import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

export interface ViewInput {
  /** `gateway`: the agent reaches nothing but the model gateway. */
  network: 'gateway' | 'open';
  path: string;
  /** Folders the agent may write to. */
  writable: readonly string[];
  /** Folders and files it needs to read, wherever they are. */
  readable: readonly string[];
  /** Folders it must not see, should they lie in what it sees. */
  hidden: readonly string[];
  cwd: string;
}

/** Programs, libraries and their configuration; `/sys` tells programs how much memory they may take. */
const SYSTEM = [
  ...['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'usr', 'etc', 'opt', 'nix', 'sys'],
  ...['var/lib/gems', 'var/cache/fontconfig'],
].map((folder) => `/${folder}`);
/** Of these, what holds the secrets of the machine or its runner, where the job's user may read them. */
const SECRETS = [
  ...['gitlab-runner', 'ssl/private', 'ssh', 'kubernetes', 'docker', 'containers', 'rancher'],
  ...['shadow', 'shadow-', 'gshadow', 'gshadow-', 'sudoers', 'sudoers.d', 'krb5.keytab'],
].map((name) => `/etc/${name}`);
/** Folders that programs expect to be there; they are empty and vanish with the agent. */
const EMPTY = ['tmp', 'var/tmp', 'run', 'home', 'root'].map((folder) => `/${folder}`);

/** Arguments of `bwrap`, up to the command. */
export function bubblewrapArgs(input: ViewInput): string[] {
  const seen = SYSTEM.filter(isThere);
  const hidden = [...SECRETS, ...input.hidden].filter(isThere).map((file) => realpathSync(file));
  const programs = realPaths(input.path.split(delimiter).map(programsOf)).filter(
    (file) => !hidden.some((other) => isWithin(file, other) || isWithin(other, file)),
  );
  const needed = [...programs, ...realPaths(input.readable)].filter(
    (file) => file !== '/' && !seen.some((folder) => isWithin(file, folder)),
  );
  return [
    '--unshare-all',
    ...(input.network === 'open' ? ['--share-net'] : []),
    ...['--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...seen.flatMap(show),
    ...hidden.filter((file) => seen.some((folder) => isWithin(file, folder))).flatMap(hide),
    ...['--dev', '/dev', '--proc', '/proc'],
    ...EMPTY.flatMap((folder) => ['--tmpfs', folder]),
    ...[...new Set(needed)].toSorted().flatMap((file) => ['--ro-bind', file, file]),
    ...input.writable.flatMap((folder) => ['--bind', folder, folder]),
    ...['--remount-ro', '/', '--chdir', input.cwd],
  ];
}

function realPaths(files: readonly string[]): string[] {
  return files.filter(isThere).map((file) => realpathSync(file));
}

function isWithin(file: string, folder: string): boolean {
  return file === folder || file.startsWith(`${folder}/`);
}

/** `/bin` is a link to `/usr/bin` on most systems, and stays one. */
function show(folder: string): string[] {
  if (lstatSync(folder).isSymbolicLink()) return ['--symlink', readlinkSync(folder), folder];
  return ['--ro-bind', folder, folder];
}

/** A folder becomes empty, a file too. */
function hide(file: string): string[] {
  return lstatSync(file).isDirectory() ? ['--tmpfs', file] : ['--ro-bind', '/dev/null', file];
}

/** Programs often come with a folder of libraries beside their `bin`; a home's own `bin` has the home there. */
function programsOf(folder: string): string {
  const above = dirname(folder);
  const nested = /\/(?:bin|shims|node_modules\/\.bin)$/.test(folder);
  return !nested || /^\/(?:root|home\/[^/]+)?$|\/\.local$/.test(above) ? folder : above;
}

function isThere(file: string): boolean {
  try {
    if (file === '') return false;
    if (lstatSync(file).isDirectory()) readdirSync(file);
    return realpathSync(file) !== '';
  } catch {
    return false;
  }
}

/** What this very program needs to run again: Node, and the package with the modules it loads (a bundle has all beside it). */
export function programFiles([node = process.execPath, script]: readonly string[]): string[] {
  if (script === undefined) return [node];
  for (let folder = dirname(script); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return [node, folder];
  }
  return [node, dirname(script)];
}
