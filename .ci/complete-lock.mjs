// Adds to package-lock.json the optional packages of other platforms that npm left out.
//
// Why: a registry mirror that does not carry, say, the macOS build of a package makes `npm install`
// drop that entry from the lock file, and `npm ci` then refuses the lock as incomplete. The entries
// written here hold the exact version their parent asks for and the platform they are for, so npm
// skips them everywhere else. Run it after `npm install`; it changes nothing on a complete lock.
import { readFileSync, writeFileSync } from 'node:fs';

const OS = [
  'darwin',
  'linux',
  'win32',
  'android',
  'freebsd',
  'openharmony',
  'sunos',
  'aix',
  'netbsd',
  'openbsd',
];
const CPU = [
  'x64',
  'arm64',
  'arm',
  'ia32',
  'ppc64',
  's390x',
  'riscv64',
  'loong64',
  'mips64el',
  'wasm32',
];
const CPU_SPELLINGS = { armv7: 'arm', 'arm-gnueabihf': 'arm', 'arm-eabi': 'arm', x86: 'ia32' };

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
let added = 0;
for (const [parentPath, parent] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(parent.optionalDependencies ?? {})) {
    const nested = `${parentPath}/node_modules/${name}`;
    const path = `node_modules/${name}`;
    if (lock.packages[nested] || lock.packages[path]) continue;
    const words = name.toLowerCase().split(/[^a-z0-9]+/);
    const os = OS.filter((word) => words.includes(word));
    const cpu = CPU.filter((word) => words.includes(word));
    for (const [spelling, known] of Object.entries(CPU_SPELLINGS)) {
      if (cpu.length === 0 && name.includes(spelling)) cpu.push(known);
    }
    if (os.length === 0 && cpu.length === 0) {
      console.error(`${name}: not in the lock and no platform in its name; add it by hand`);
      process.exitCode = 1;
      continue;
    }
    lock.packages[path] = {
      version: version.replace(/^[~^]/, ''),
      ...(cpu.length ? { cpu } : {}),
      ...(parent.dev ? { dev: true } : {}),
      optional: true,
      ...(os.length ? { os } : {}),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
);
if (added > 0) writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} optional packages of other platforms added to package-lock.json`);
