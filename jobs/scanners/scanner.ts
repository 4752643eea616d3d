/** What a scanner is to the supervisor: a program on the runner, its arguments, and how its output is read. */
import type { DependencyFile, ScannerName } from '../../schema/wire/scan.ts';
import type { ScannerEnv } from '../env.ts';
import type { RawFinding } from './findings.ts';

/** One call of the scanner's program; the isolation stands around it. */
export interface Call {
  args: string[];
  /** Besides PATH, HOME and the scratch folder; the network's variables come by themselves. */
  env?: Record<string, string>;
  /** Exit codes that mean it worked. */
  good: readonly number[];
}

/** What a scanner may use. */
export interface Bench {
  /** The agent's copy of the repository, as it is before the agent starts. */
  workspace: string;
  /** Every file of the commit, from the root of the repository. */
  paths: readonly string[];
  /** A new folder of its own; the scanner works in it, so that no file of the repository configures it. */
  scratch: string;
  env: ScannerEnv;
  /** Standard output of the program. @throws ScanError */
  call(call: Call): Promise<string>;
  /** Text of a file that the program wrote into the scratch folder. @throws ScanError */
  output(name: string): Promise<string>;
}

/** What a scanner found, before it is put into the form of the result. */
export interface Found {
  findings: RawFinding[];
  /** Entries that could not be read. */
  unreadable: number;
  dependencies?: DependencyFile[];
  /** Texts that must never be printed or sent on. */
  secrets?: string[];
}

export interface Scanner {
  name: ScannerName;
  /** The program on PATH. */
  program: string;
  /** Makes it print its version. */
  version: string[];
  /** It cannot work without the network. */
  network: boolean;
  /** Folders of the runner that it needs besides. */
  folders(env: ScannerEnv): { readable: string[]; writable: string[] };
  /** Looks; a sentence where there is nothing for it to look at. @throws ScanError */
  scan(bench: Bench): Promise<Found | string>;
}

/** The scanner did not do its work; the message is one line for people. */
export class ScanError extends Error {
  override readonly name = 'ScanError';
}

/** JSON that a scanner printed. @throws ScanError */
export function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ScanError('its output is not JSON');
  }
}
