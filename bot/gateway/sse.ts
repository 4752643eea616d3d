/** An incremental reader of server-sent events, for metering only: the bytes go on untouched. */

/** Feeds on bytes in any division; calls back with the data of each whole event. */
export class SseReader {
  readonly #decoder = new TextDecoder();
  readonly #onData: (data: string) => void;
  readonly #maxChars: number;
  /** The line under way. */
  #line = '';
  /** The event under way; null when it grew beyond the limit and is skipped. */
  #data: string | null = '';
  /** The last character was a CR, so a LF that follows belongs to it. */
  #afterCr = false;

  /** @param maxChars an event with more is skipped. */
  constructor(onData: (data: string) => void, maxChars: number) {
    this.#onData = onData;
    this.#maxChars = maxChars;
  }

  push(chunk: Uint8Array): void {
    let text = this.#decoder.decode(chunk, { stream: true });
    if (text === '') return;
    if (this.#afterCr && text.startsWith('\n')) text = text.slice(1);
    this.#afterCr = text.endsWith('\r');
    const lines = text.split(/\r\n|\n|\r/);
    const last = lines.pop() ?? '';
    for (const line of lines) {
      this.#endLine(this.#line + line);
      this.#line = '';
    }
    this.#line += last;
    if (this.#line.length > this.#maxChars) {
      this.#line = '';
      this.#data = null;
    }
  }

  #endLine(line: string): void {
    if (line === '') {
      if (this.#data !== null && this.#data !== '') this.#onData(this.#data);
      this.#data = '';
      return;
    }
    if (!line.startsWith('data:') || this.#data === null) return;
    const value = line.slice(line.startsWith('data: ') ? 6 : 5);
    this.#data = this.#data === '' ? value : `${this.#data}\n${value}`;
    if (this.#data.length > this.#maxChars) this.#data = null;
  }
}
