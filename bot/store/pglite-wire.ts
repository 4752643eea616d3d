/**
 * Connects `pg` clients to one embedded PGlite through in-process streams.
 *
 * PGlite is a single session, so two things need care, and both are done here:
 * - A statement travels as several messages (Parse, Bind, Execute, Sync). Messages of two clients
 *   must never mix, or one client's Bind meets the other's statement. A batch therefore ends at
 *   Sync and runs as one, and a client that has a transaction open is served alone until it ends.
 * - A NOTIFY comes back to whichever client ran the statement; it is handed to every client
 *   instead.
 */
import { Duplex } from 'node:stream';
import type { PGlite } from '@electric-sql/pglite';

/** The database's work is synchronous; after this long the event loop gets a turn. */
const YIELD_AFTER_MS = 8;

const code = (letter: string): number => letter.charCodeAt(0);
/** Frontend messages that end a batch: Sync, simple Query. */
const SYNC = code('S');
const QUERY = code('Q');
const TERMINATE = code('X');
/** Backend messages that matter here: NotificationResponse, ReadyForQuery. */
const NOTIFICATION = code('A');
const READY = code('Z');
const IDLE = code('I');

interface Batch {
  client: PgliteStream;
  bytes: Buffer;
}

/** Serves any number of streams from one PGlite. */
export class PgliteHub {
  private readonly db: PGlite;
  private readonly clients = new Set<PgliteStream>();
  private queue: Batch[] = [];
  /** The client whose transaction is open; nobody else is served until it is idle. */
  private owner: PgliteStream | null = null;
  private running = false;

  constructor(db: PGlite) {
    this.db = db;
  }

  /** A new connection, for the `stream` option of a pg client or pool. */
  connect(): Duplex {
    const client = new PgliteStream(this);
    this.clients.add(client);
    return client;
  }

  /** Takes one whole batch of a client's messages. */
  submit(client: PgliteStream, bytes: Buffer): void {
    this.queue.push({ client, bytes });
    void this.run();
  }

  /** Forgets a client; a transaction it left open is rolled back. */
  detach(client: PgliteStream): void {
    if (!this.clients.delete(client)) return;
    this.queue = this.queue.filter((batch) => batch.client !== client);
    void this.run();
  }

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    let turnStarted = performance.now();
    try {
      for (;;) {
        await this.rollBackForTheGone();
        const batch = this.next();
        if (batch === undefined) return;
        await this.execute(batch);
        if (performance.now() - turnStarted > YIELD_AFTER_MS) {
          await new Promise((resolve) => setImmediate(resolve));
          turnStarted = performance.now();
        }
      }
    } finally {
      this.running = false;
    }
  }

  private next(): Batch | undefined {
    if (this.owner === null) return this.queue.shift();
    const at = this.queue.findIndex((batch) => batch.client === this.owner);
    return at < 0 ? undefined : this.queue.splice(at, 1)[0];
  }

  private async rollBackForTheGone(): Promise<void> {
    if (this.owner === null || this.clients.has(this.owner)) return;
    this.owner = null;
    await this.db.exec('rollback');
  }

  private async execute({ client, bytes }: Batch): Promise<void> {
    const output: Buffer[] = [];
    try {
      await this.db.runExclusive(() =>
        this.db.execProtocolRawStream(bytes, {
          // The view is into PGlite's memory and is reused: copy it.
          onRawData: (data) => output.push(Buffer.from(data)),
        }),
      );
    } catch (error) {
      this.owner = null;
      client.destroy(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    const { own, notifications, status } = split(Buffer.concat(output));
    if (status !== null) this.owner = status === IDLE ? null : client;
    client.receive(own);
    for (const message of notifications) {
      for (const listener of this.clients) listener.receive(message);
    }
  }
}

/** Splits backend output into what its own client reads and what everyone must hear. */
function split(output: Buffer): { own: Buffer; notifications: Buffer[]; status: number | null } {
  const own: Buffer[] = [];
  const notifications: Buffer[] = [];
  let status: number | null = null;
  let ownFrom = 0;
  let at = 0;
  while (at + 5 <= output.length) {
    const type = output[at];
    const end = at + 1 + output.readUInt32BE(at + 1);
    if (type === READY) status = output[at + 5] ?? null;
    if (type === NOTIFICATION) {
      own.push(output.subarray(ownFrom, at));
      notifications.push(output.subarray(at, end));
      ownFrom = end;
    }
    at = end;
  }
  own.push(output.subarray(ownFrom));
  return { own: own.length === 1 ? (own[0] as Buffer) : Buffer.concat(own), notifications, status };
}

/** One client's end of the wire: looks like a socket to pg, cuts what it writes into batches. */
class PgliteStream extends Duplex {
  private readonly hub: PgliteHub;
  private unread: Buffer = Buffer.alloc(0);
  private batch: Buffer[] = [];
  private started = false;

  constructor(hub: PgliteHub) {
    super();
    this.hub = hub;
  }

  /** pg calls this with host and port, which do not matter here. */
  connect(): this {
    setImmediate(() => this.emit('connect'));
    return this;
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  /** Bytes from the database for this client. */
  receive(bytes: Buffer): void {
    if (bytes.length > 0 && !this.destroyed && !this.writableEnded) this.push(bytes);
  }

  override _read(): void {
    // Data is pushed as it comes; pg reads all of it.
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.unread = this.unread.length === 0 ? chunk : Buffer.concat([this.unread, chunk]);
    this.cut();
    done();
  }

  override _final(done: (error?: Error) => void): void {
    this.hub.detach(this);
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.hub.detach(this);
    done(error);
  }

  /** Moves whole messages from `unread` to the batch, and hands the batch over at its end. */
  private cut(): void {
    for (;;) {
      // The startup message alone has no type byte.
      const header = this.started ? 1 : 0;
      if (this.unread.length < header + 4) return;
      const length = header + this.unread.readUInt32BE(header);
      if (this.unread.length < length) return;
      const message = this.unread.subarray(0, length);
      this.unread = this.unread.subarray(length);
      const type = message[0];
      if (this.started && type === TERMINATE) continue;
      this.batch.push(message);
      if (this.started && type !== SYNC && type !== QUERY) continue;
      this.started = true;
      const batch = this.batch;
      this.batch = [];
      this.hub.submit(this, batch.length === 1 ? (batch[0] as Buffer) : Buffer.concat(batch));
    }
  }
}
