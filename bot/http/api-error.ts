/** The one error shape of every JSON answer: code, message, fix (schema/wire/job-api.ts). */
import type { Response } from 'express';

/** Answers with an error; `fix` says what to do about it. */
export function sendError(
  response: Response,
  status: number,
  code: string,
  message: string,
  fix?: string,
): void {
  response.status(status).json({ error: { code, message, ...(fix === undefined ? {} : { fix }) } });
}
