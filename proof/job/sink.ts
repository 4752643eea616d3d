/** Listens wherever a job could send bytes to, and counts them: TCP, UDP and an abstract socket. */
import { createSocket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';

export interface Sink {
  tcp: number;
  udp: number;
  /** Name of the socket in Linux' abstract namespace, without the NUL. */
  abstract: string;
  bytes(): number;
  close(): Promise<void>;
}

export async function startSink(name: string): Promise<Sink> {
  let bytes = 0;
  const count = (part: Buffer): void => void (bytes += part.length);
  const listener = (): Server =>
    createServer((socket) => {
      // A connection alone is a way out.
      bytes += 1;
      socket.on('data', count);
      socket.on('error', () => undefined);
    });
  const [tcp, abstract] = [listener(), listener()];
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  await new Promise<void>((resolve) => abstract.listen(`\0${name}`, resolve));
  const udp = createSocket('udp4').on('message', count);
  await new Promise<void>((resolve) => udp.bind(0, '127.0.0.1', resolve));
  return {
    tcp: (tcp.address() as AddressInfo).port,
    udp: udp.address().port,
    abstract: name,
    bytes: () => bytes,
    close: async () => {
      for (const server of [tcp, abstract]) server.close();
      await new Promise<void>((resolve) => udp.close(resolve));
    },
  };
}
