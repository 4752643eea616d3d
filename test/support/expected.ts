/** What answers and rows are compared with in tests of Jest. */
import { expect } from '@jest/globals';
import { ApiError } from '../../schema/wire/job-api.ts';
import type { Answer } from './web.ts';

/** Any date, where a test says nothing about the time. */
export const A_DATE: unknown = expect.any(Date);

/** An answer with this status in the one shape of errors. */
export function expectError(answer: Answer, status: number, code?: string): void {
  expect({ status: answer.status, body: ApiError.safeParse(answer.json).success }).toEqual({
    status,
    body: true,
  });
  if (code !== undefined) expect(answer.json).toMatchObject({ error: { code } });
}
