/** Answers of the REST API and the errors that become answers, in GitLab's shapes. */

export interface Reply {
  status: number;
  /** JSON value, or text and bytes when `type` is set; undefined sends no body. */
  body?: unknown;
  type?: string;
  headers?: Record<string, string>;
}

export class ApiFailure extends Error {
  readonly status: number;
  readonly body: unknown;

  constructor(status: number, body: unknown) {
    super(`HTTP ${status} ${JSON.stringify(body)}`);
    this.name = 'ApiFailure';
    this.status = status;
    this.body = body;
  }
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const accepted = (body: unknown): Reply => ({ status: 202, body });
export const noContent = (): Reply => ({ status: 204 });

/** 404 in GitLab's words, e.g. `404 Issue Not Found`. */
export const notFound = (what?: string): ApiFailure =>
  new ApiFailure(404, { message: what ? `404 ${what} Not Found` : '404 Not found' });
export const unauthorized = (): ApiFailure => new ApiFailure(401, { message: '401 Unauthorized' });
export const forbidden = (why?: string): ApiFailure =>
  new ApiFailure(403, { message: why ? `403 Forbidden - ${why}` : '403 Forbidden' });
/** A parameter GitLab's API layer refuses, e.g. `title is missing`. */
export const badParameter = (why: string): ApiFailure => new ApiFailure(400, { error: why });
export const badRequest = (message: unknown): ApiFailure => new ApiFailure(400, { message });
export const conflict = (message: unknown): ApiFailure => new ApiFailure(409, { message });
