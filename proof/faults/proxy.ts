/** A TCP proxy that breaks on demand: what lies between the bot and whatever it talks to. */
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/**
 * What the line does. `refuse`: new connections are reset. `half_open`: connections stand, and nothing comes
 * through in either direction any more. `delay`: every piece comes so many milliseconds later.
 */
export type Line = { kind: 'up' } | { kind: 'refuse' } | { kind: 'half_open' } | Delay;
interface Delay {
  kind: 'delay';
  ms: number;
}

export interface Proxy {
  port: number;
  /** Changes the line for new connections and those that stand. */
  set(line: Line): void;
  /** Resets all connections that stand; new ones are as the line says. */
  cut(): void;
  /** Where new connections go, in turn; a target that refuses is passed over. */
  targets: number[];
  /** Connections that a target refused, so far. */
  passedOver: number;
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1 and passes on to `targets`, ports of the same address. */
export async function startProxy(targets: number[], port = 0): Promise<Proxy> {
  const pairs = new Set<[Socket, Socket]>();
  let line: Line = { kind: 'up' };
  let turn = 0;
  const proxy = { targets, passedOver: 0 };
  const open = async (): Promise<Socket | null> => {
    for (let tried = 0; tried < proxy.targets.length; tried += 1) {
      turn += 1;
      const target = await dial(proxy.targets[turn % proxy.targets.length] ?? 0);
      if (target !== null) return target;
      proxy.passedOver += 1;
    }
    return null;
  };
  const server = createServer({ allowHalfOpen: false }, (from) => {
    from.on('error', () => undefined);
    if (line.kind === 'refuse') {
      from.resetAndDestroy();
      return;
    }
    from.pause();
    void open().then((to) => {
      if (to === null || from.destroyed) {
        from.resetAndDestroy();
        to?.destroy();
        return;
      }
      const pair: [Socket, Socket] = [from, to];
      pairs.add(pair);
      for (const [one, other] of [pair, pair.toReversed() as [Socket, Socket]]) {
        join(one, other, () => line);
        one.once('close', () => {
          pairs.delete(pair);
          other.destroy();
        });
      }
      from.resume();
    });
  });
  await listen(server, port);
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
  };
  return Object.assign(proxy, {
    port: (server.address() as AddressInfo).port,
    set: (next: Line) => {
      line = next;
      if (next.kind !== 'half_open') return;
      for (const pair of pairs) for (const socket of pair) socket.pause();
    },
    cut,
    close: () => {
      cut();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  });
}

function dial(port: number): Promise<Socket | null> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.once('connect', () => resolve(socket));
    socket.on('error', () => resolve(null));
  });
}

/** Passes on what comes; one that fell silent swallows it, as a dead peer does. */
function join(from: Socket, to: Socket, line: () => Line): void {
  from.on('data', (part: Buffer) => {
    const now = line();
    if (now.kind === 'half_open') return;
    if (now.kind === 'delay') setTimeout(() => to.writable && to.write(part), now.ms);
    else if (to.writable && !to.write(part)) {
      from.pause();
      to.once('drain', () => from.resume());
    }
  });
  from.on('end', () => to.end());
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
}
