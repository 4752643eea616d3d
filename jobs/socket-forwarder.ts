/** A loopback port that leads to a socket file: the one way out of an agent without a network. */
import { connect, createServer, type AddressInfo } from 'node:net';

/** Starts to forward; the port lives as long as the process. */
export async function startSocketForwarder(socket: string): Promise<string> {
  const server = createServer((client) => {
    const target = connect(socket);
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      from.on('error', () => to.destroy());
      from.on('close', () => to.destroy());
      from.pipe(to);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  server.unref();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
