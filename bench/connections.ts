/**
 * Connections of the load generator: HTTP/1.1 with keep-alive over plain sockets. Node's own client takes two
 * to three times as long for a webhook, more than the servers that are measured, and it shares the machine's
 * cores with them: a server that keeps a database busy beside itself would pay for its client.
 */
import { connect, type Socket } from 'node:net';

export interface Connections {
  /**
   * Posts a body when a connection is free, in the order asked. Resolves with the HTTP status when the whole answer
   * was read; 0 when the connection broke or what came is no answer.
   */
  post(headers: Readonly<Record<string, string | number>>, body: Buffer): Promise<number>;
  close(): void;
}

interface Connection {
  socket: Socket;
  arrived: Buffer | null;
  answered: ((status: number) => void) | null;
}

/** At most `count` connections to the host of `url`, opened when they are needed. */
export function openConnections(url: string, count: number): Connections {
  const { hostname, host, port, pathname, search } = new URL(url);
  const start = `POST ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n`;
  const open = new Set<Connection>();
  // The one that is idle for longest goes first, so that no server closes one for having been idle.
  const idle: Connection[] = [];
  const waiting: ((connection: Connection) => void)[] = [];

  const add = (): Connection => {
    const socket = connect(Number(port || 80), hostname);
    const connection: Connection = { socket, arrived: null, answered: null };
    open.add(connection);
    socket.setNoDelay(true);
    socket.on('data', (part) => read(connection, part));
    socket.on('error', () => undefined);
    socket.once('close', () => drop(connection));
    return connection;
  };
  const read = (connection: Connection, part: Buffer): void => {
    const { arrived, answered } = connection;
    if (answered === null) {
      // Nobody asked; the next answer could not be told from this.
      connection.socket.destroy();
      return;
    }
    const bytes = arrived === null ? part : Buffer.concat([arrived, part]);
    const answer = answerIn(bytes);
    if (answer === null) {
      connection.arrived = bytes;
      return;
    }
    Object.assign(connection, { arrived: null, answered: null });
    if (answer.last) connection.socket.destroy();
    else release(connection);
    answered(answer.status);
  };
  const release = (connection: Connection): void => {
    const next = waiting.shift();
    if (next === undefined) idle.push(connection);
    else next(connection);
  };
  const drop = (connection: Connection): void => {
    open.delete(connection);
    const at = idle.indexOf(connection);
    if (at !== -1) idle.splice(at, 1);
    connection.answered?.(0);
    if (waiting.length > 0) release(add());
  };
  const take = (): Connection | Promise<Connection> =>
    idle.shift() ?? (open.size < count ? add() : new Promise((resolve) => waiting.push(resolve)));

  return {
    post: async (headers, body) => {
      const connection = await take();
      let head = start;
      for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
      return new Promise((resolve) => {
        connection.answered = resolve;
        connection.socket.cork();
        connection.socket.write(`${head}\r\n`, 'latin1');
        connection.socket.write(body);
        connection.socket.uncork();
      });
    },
    close: () => {
      for (const { socket } of open) socket.destroy();
    },
  };
}

interface Answer {
  status: number;
  /** Nothing can follow it on its connection. */
  last: boolean;
}

const NO_ANSWER: Answer = { status: 0, last: true };

/** The answer that is there to its end (RFC 9112 §6.3), or null while more has to come. */
function answerIn(bytes: Buffer): Answer | null {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = bytes.toString('latin1', 0, end);
  const status = /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1];
  if (status === undefined) return NO_ANSWER;
  const answer = { status: Number(status), last: /\r\nconnection: *close/i.test(head) };
  const body = bytes.subarray(end + 4);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return body.length < Number(length) ? null : answer;
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return NO_ANSWER;
  return body.subarray(-5).toString('latin1') === '0\r\n\r\n' ? answer : null;
}
