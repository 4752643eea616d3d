import * as z from 'zod';
import { defineTool } from './tool.ts';

export const readThreadTool = defineTool({
  name: 'read_thread',
  description:
    'Reads an issue or a merge request of this project with its comments, as people see them, one page at a time. Only what everybody may read who reads the result of this task.',
  input: z.strictObject({
    kind: z.enum(['issue', 'merge_request']),
    number: z.int().min(1).max(1_000_000_000).describe('The number behind # or !'),
    page: z.int().min(1).max(1_000).nullish().describe('Page of the comments, default 1'),
  }),
  about: ({ kind, number }) => `${kind === 'issue' ? '#' : '!'}${number}`,
  async run({ kind, number, page }, { readThread }) {
    const answer = await readThread({
      type: kind === 'issue' ? 'issue' : 'change',
      iid: number,
      page: page ?? 1,
    });
    return { ok: answer.ok, text: answer.text };
  },
});
