import * as z from 'zod';
import { Finding } from '../../schema/wire/finding.ts';
import { withoutNulls } from './finish.ts';
import { defineTool, toolError } from './tool.ts';

export const reportFindingTool = defineTool({
  name: 'report_finding',
  description:
    'Records one finding as soon as it is certain, so that it is not lost when the task stops at a limit. What was recorded is part of the report; it need not be given to finish again.',
  input: z.preprocess(withoutNulls, Finding),
  told: Finding,
  about: ({ path, line, title }) => `${path}:${line} ${title}`,
  async run(finding, { onFinding }) {
    switch (onFinding(finding)) {
      case 'kept':
        return { ok: true, text: 'Recorded.' };
      case 'known':
        return { ok: true, text: 'It is recorded already.' };
      case 'full':
        return toolError('No more findings are taken; name the most severe ones in the report.');
    }
  },
});
