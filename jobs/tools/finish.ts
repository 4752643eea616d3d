import { z } from 'zod';
import { RESULT_LIMITS } from '../../schema/wire/result.ts';
import { defineTool } from './tool.ts';

export const finishTool = defineTool({
  name: 'finish',
  description:
    'Ends the task. Call it alone, once the work is complete and checked (done), or when a person has to decide or help (needs_human). The files as they are now become the proposed change.',
  input: z.strictObject({
    outcome: z.enum(['done', 'needs_human']),
    summary: z
      .string()
      .min(1)
      .max(RESULT_LIMITS.summaryChars)
      .describe('What was done and how it was checked, or what is missing; Markdown'),
    comment: z
      .string()
      .max(RESULT_LIMITS.commentChars)
      .nullish()
      .describe('Answer or question for the people in the issue; Markdown'),
  }),
  about: ({ outcome }) => outcome,
  async run({ outcome, summary, comment }) {
    return {
      ok: true,
      text: 'The task is ended.',
      end: {
        outcome: outcome === 'done' ? 'finished' : 'needs_human',
        summary,
        ...(comment ? { comment } : {}),
      },
    };
  },
});
