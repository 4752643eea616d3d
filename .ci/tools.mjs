// What the programs of this folder share: where the repository is, and how to run a step of it.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, without a slash at its end. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const bin = join(root, 'node_modules', '.bin');

/** The environment with the pinned tools first, so that `node` is the version package.json pins. */
export function toolEnvironment() {
  const path = process.env.PATH ?? '';
  return { ...process.env, PATH: path.startsWith(`${bin}:`) ? path : `${bin}:${path}` };
}

/**
 * Runs one program in the repository.
 *
 * @param {string} command a program of node_modules/.bin or of the PATH
 * @param {string[]} args
 * @param {{seconds?: number, quiet?: boolean}} [options] `seconds` after which it is ended;
 *   `quiet` collects what it prints instead of passing it on
 * @returns {Promise<{code: number, output: string, seconds: number}>} `code` 124 after the time limit
 */
export function run(command, args, { seconds = 600, quiet = false } = {}) {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: root,
      env: toolEnvironment(),
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    let output = '';
    let late = false;
    const collect = (chunk) => (output += chunk);
    child.stdout?.setEncoding('utf8').on('data', collect);
    child.stderr?.setEncoding('utf8').on('data', collect);
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, seconds * 1000);
    const end = (code) => {
      clearTimeout(timer);
      resolve({ code, output, seconds: (performance.now() - started) / 1000 });
    };
    child.on('error', (error) => {
      output += `${command}: ${error.message}\n`;
      end(127);
    });
    child.on('close', (code) => {
      if (late) output += `${command}: ended after its limit of ${seconds} s\n`;
      end(late ? 124 : (code ?? 1));
    });
  });
}
