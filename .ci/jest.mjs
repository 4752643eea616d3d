// Starts jest with ES modules switched on, the same way on every system and shell.
//
// The flag is given to jest itself (its workers inherit it) and not through NODE_OPTIONS, so that the
// programs a test starts run as they do for a user.
import { join } from 'node:path';
import { root, run } from './tools.mjs';

const LIMIT_SECONDS = 3_500;

// Tests start hundreds of programs from source. Each of them takes a second of computing less when it finds
// its modules compiled.
process.env.NODE_COMPILE_CACHE ??= join(root, 'node_modules', '.cache', 'autodev-test-code');

const { code } = await run(
  'node',
  [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    ...process.argv.slice(2),
  ],
  { seconds: LIMIT_SECONDS },
);
process.exitCode = code;
