/** Bodies of `multipart/form-data`: what GitLab takes files by. */
import type { NextFunction, Request, Response as Answer } from 'express';

export interface UploadedFile {
  name: string;
  bytes: Buffer;
}

/** Reads a form that `express.raw` left as bytes into its fields; a file becomes name and bytes. */
export function readForm(request: Request, _response: Answer, next: NextFunction): void {
  const body: unknown = request.body;
  if (!Buffer.isBuffer(body)) return next();
  const headers = { 'content-type': request.headers['content-type'] ?? '' };
  new Response(new Uint8Array(body), { headers })
    .formData()
    .then(async (form) => {
      const fields = [...form].map(async ([name, value]): Promise<[string, unknown]> => {
        if (typeof value === 'string') return [name, value];
        return [name, { name: value.name, bytes: Buffer.from(await value.arrayBuffer()) }];
      });
      request.body = Object.fromEntries(await Promise.all(fields));
    })
    .then(() => next(), next);
}

/** Is this a file as `readForm` leaves it? */
export function isUploadedFile(value: unknown): value is UploadedFile {
  return typeof value === 'object' && value !== null && 'bytes' in value && 'name' in value;
}
