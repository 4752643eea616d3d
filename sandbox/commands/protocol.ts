/** What is said between the sandbox and the small process that starts its helper programs. */

export interface CommandRequest {
  file: string;
  args: readonly string[];
  cwd: string;
  /** The whole environment of the program. */
  env: Record<string, string>;
  /** Standard input; absent: empty. */
  input?: string | Uint8Array;
  /** Milliseconds after which the program is killed; absent: none. */
  timeoutMs?: number;
  /** Bytes of output after which the program is killed. */
  maxBytes: number;
}

export type CommandResult =
  /** `code` is null when a signal ended the program. */
  | { kind: 'ended'; code: number | null; stdout: Uint8Array; stderr: string }
  | { kind: 'timeout' }
  | { kind: 'too-much' }
  /** It could not be started at all. */
  | { kind: 'error'; message: string };

export interface Numbered<T> {
  id: number;
  body: T;
}
