/** What an engine that drives somebody else's command line tool has to say about it. */
import type { CommandCheck } from '../../../schema/wire/result.ts';
import type { ModelRoute } from '../../../schema/wire/job-api.ts';

export interface CliTask {
  /** The stable part of the prompt (config/agents/*.md body). */
  instructions: string;
  /** Text of the first user message. */
  opening: string;
  /** Model name, without its provider. */
  model: string;
  /** The agent's copy of the repository. */
  workspace: string;
  /** Folder for the tool's own files, empty and thrown away afterwards. */
  scratch: string;
  /** JSON schema of the final answer. */
  answerSchema: Record<string, unknown>;
  /** Loopback address that stands for the gateway, no trailing slash, and the key it takes. */
  gateway: string;
  key: string;
  /** May it change files? Reviewers may not. */
  writes: boolean;
  /** May it run commands? */
  runs: boolean;
  /** True inside an isolation of our own; else the tool's own sandbox is asked for. */
  isolated: boolean;
}

/** How the tool is started. */
export interface CliCommand {
  args: string[];
  /** Added to the environment of the agent process. */
  env: Record<string, string>;
  /** Its standard input. */
  input: string;
}

export type CliEvent =
  | { kind: 'tool'; name: string; about: string; ok: boolean | null }
  | { kind: 'command'; check: CommandCheck }
  /** Words of the model; the last ones stand in for a summary. */
  | { kind: 'text'; text: string }
  /** The final answer, JSON as the model wrote it. */
  | { kind: 'answer'; json: string }
  | { kind: 'failed'; cause: string };

/** Versions that are taken: the engine's tests passed with the oldest and with the newest there was. */
export interface KnownVersions {
  from: string;
  below: string;
  /** The one that continuous integration installs, and that people are told to install. */
  pinned: string;
}

export interface CliEngine {
  readonly name: 'codex' | 'claude';
  /** The one provider whose models it can use. */
  readonly provider: ModelRoute['provider'];
  /** Name of the program. */
  readonly program: string;
  /** The npm package that brings it. */
  readonly package: string;
  readonly known: KnownVersions;
  /** Its provider takes a schema of an answer only if every property is required. */
  readonly strict: boolean;
  command(task: CliTask): CliCommand;
  /** What one line of its JSON output says; unknown lines say nothing. Never throws. */
  read(line: unknown): CliEvent[];
}

/** A member of an object that came from outside. */
export function member(value: unknown, ...path: readonly string[]): unknown {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string, unknown>)[name];
  }
  return at;
}

/** The member as text; '' when it is none. */
export function textOf(value: unknown, ...path: readonly string[]): string {
  const found = member(value, ...path);
  return typeof found === 'string' ? found : '';
}
