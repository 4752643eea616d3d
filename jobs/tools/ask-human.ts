import * as z from 'zod';
import { RESULT_LIMITS } from '../../schema/wire/result.ts';
import { defineTool } from './tool.ts';

export const askHumanTool = defineTool({
  name: 'ask_human',
  description:
    'Ends the task with a question to the people in the issue. Call it only when the work cannot go on without a decision or a fact that nothing at hand gives.',
  input: z.strictObject({
    question: z
      .string()
      .min(1)
      .max(RESULT_LIMITS.commentChars)
      .describe('The question, with what each answer would lead to; Markdown'),
    found: z
      .string()
      .min(1)
      .max(RESULT_LIMITS.summaryChars)
      .describe('What was done and found out so far; Markdown'),
  }),
  about: ({ question }) => question,
  async run({ question, found }) {
    const end = { outcome: 'needs_human', summary: found, comment: question } as const;
    return { ok: true, text: 'The question goes to the people.', end };
  },
});
