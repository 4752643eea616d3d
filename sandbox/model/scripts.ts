/** Scripts as data: a list of steps in code, or a YAML file. */
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Answer, Conversation, Script } from './types.ts';

/** One answer of the model; `expect` is a regular expression that the last tool result must match. */
type AnswerStep = Answer & { expect?: string };

/** `choose`: the first answer whose expectation is met, so that a script can act on what it read. */
export type Step =
  AnswerStep | { choose: readonly AnswerStep[] } | ((conversation: Conversation) => Answer);

export interface StepsScript {
  name: string;
  /** Default: every conversation. */
  matches?: (conversation: Conversation) => boolean;
  steps: Step[];
}

/** What a script says once its steps are used up, so that an agent that goes on still ends. */
const NOTHING_LEFT = 'There is nothing left to do.';

/** The answer among `choices` that fits the last tool result. @throws Error when none does. */
function choose(where: string, choices: readonly AnswerStep[], seen: Conversation): Answer {
  const results = seen.messages.filter((message) => message.role === 'tool');
  const text = results.at(-1)?.text ?? '';
  const chosen = choices.find(
    ({ expect }) => expect === undefined || new RegExp(expect, 's').test(text),
  );
  if (chosen === undefined) {
    const wanted = choices.map(({ expect }) => `/${expect}/`).join(' or ');
    throw new Error(`${where}: expected a result like ${wanted}, got: ${text.slice(0, 300)}`);
  }
  const { expect: _, ...answer } = chosen;
  return answer;
}

/**
 * Answers the n-th turn of a conversation with the n-th step. It keeps no state: the same request
 * always gets the same answer, so a retry continues where the conversation stands.
 */
export function scriptFromSteps({ name, matches, steps }: StepsScript): Script {
  return {
    name,
    matches: matches ?? (() => true),
    answer(conversation, turn) {
      const step = steps[turn - 1];
      if (step === undefined) return { text: NOTHING_LEFT };
      if (typeof step === 'function') return step(conversation);
      const choices = 'choose' in step ? step.choose : [step];
      return choose(`script ${name}, step ${turn}`, choices, conversation);
    },
  };
}

const YamlFault = z.union([
  z.strictObject({
    status: z.int().min(400).max(599),
    headers: z.record(z.string(), z.string()).exactOptional(),
    body: z.unknown().exactOptional(),
  }),
  z.strictObject({ cutAfterBytes: z.int().nonnegative() }),
  z.strictObject({ hangAfterBytes: z.int().nonnegative() }),
  z.strictObject({ hang: z.literal(true) }),
  z.strictObject({ reset: z.literal(true) }),
  z.strictObject({ malformedEventAt: z.int().nonnegative() }),
  z.strictObject({ errorEventAt: z.int().nonnegative() }),
]);

const YamlAnswer = z.strictObject({
  text: z.string().exactOptional(),
  toolCalls: z
    .array(
      z.strictObject({
        name: z.string(),
        arguments: z.union([z.string(), z.record(z.string(), z.unknown())]),
      }),
    )
    .exactOptional(),
  stop: z.enum(['end', 'tool', 'length', 'refusal']).exactOptional(),
  delayMs: z.number().nonnegative().exactOptional(),
  chunkDelayMs: z.number().nonnegative().exactOptional(),
  fault: YamlFault.exactOptional(),
  faultTimes: z.int().positive().exactOptional(),
  expect: z.string().exactOptional(),
});
const YamlStep = z.union([z.strictObject({ choose: z.array(YamlAnswer).min(1) }), YamlAnswer]);

/** `when`: regular expressions, all of which must match; absent ones match everything. */
const YamlScript = z.strictObject({
  name: z.string().min(1),
  when: z
    .strictObject({
      model: z.string().optional(),
      system: z.string().optional(),
      /** The first message by the user. */
      input: z.string().optional(),
    })
    .default({}),
  steps: z.array(YamlStep).min(1),
});

/** @throws Error naming `source` when the text is not a script. */
export function scriptFromYaml(text: string, source: string): Script {
  const parsed = YamlScript.safeParse(parse(text));
  if (!parsed.success) {
    throw new Error(`${source} is not a model script: ${z.prettifyError(parsed.error)}`);
  }
  const { name, when, steps } = parsed.data;
  const test = (pattern: string | undefined, value: string): boolean =>
    pattern === undefined || new RegExp(pattern, 's').test(value);
  return scriptFromSteps({
    name,
    steps,
    matches(conversation) {
      const first = conversation.messages.find((message) => message.role === 'user');
      return (
        test(when.model, conversation.model) &&
        test(when.system, conversation.system) &&
        test(when.input, first?.text ?? '')
      );
    },
  });
}

/** Reads one YAML file, or every *.yaml of a folder in the order of their names. */
export async function loadScripts(path: string): Promise<Script[]> {
  if (!(await stat(path)).isDirectory()) {
    return [scriptFromYaml(await readFile(path, 'utf8'), path)];
  }
  const names = (await readdir(path)).filter((name) => name.endsWith('.yaml')).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const file = join(path, name);
      return scriptFromYaml(await readFile(file, 'utf8'), file);
    }),
  );
}
