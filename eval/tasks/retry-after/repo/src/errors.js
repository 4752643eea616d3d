/** The server answered, but not with 2xx. */
export class HttpError extends Error {
  constructor(status, body) {
    super(`the server answered ${status}`);
    this.name = 'HttpError';
    this.status = status;
    this.body = body;
  }
}
