/** Ports of the bot's processes and servers, which stay theirs while they are down. */
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that systems hand out by themselves, so that nobody gets one while its owner restarts. */
const FIRST = 12_000;
const EACH = 200;
const RANGES = 90;
/** Lanes are processes beside each other: each has a range of its own. */
const mine = FIRST + (process.pid % RANGES) * EACH;
let used = 0;

/** A port of 127.0.0.1 that nobody listens on, and that this process has not handed out for long. */
export async function ownPort(): Promise<number> {
  for (let tried = 0; tried < EACH; tried += 1) {
    const port = mine + (used % EACH);
    used += 1;
    if (await free(port)) return port;
  }
  throw new Error(`none of the ports ${mine} to ${mine + EACH - 1} is free`);
}

async function free(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}
