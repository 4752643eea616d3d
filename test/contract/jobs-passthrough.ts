/** Stands where the gateway stands, in front of the sandbox's model server, and passes everything on. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Passthrough {
  url: string;
  close(): void;
}

/** Maps the gateway's paths onto those of the model server at `target`. */
export async function startPassthrough(target: string): Promise<Passthrough> {
  const server = createServer((req, res) => {
    const path = (req.url ?? '').replace(/^\/(openai|anthropic)/, '');
    const out = request(
      `${target}${path}`,
      { method: req.method, headers: req.headers },
      (back) => {
        res.writeHead(back.statusCode ?? 502, back.headers);
        res.flushHeaders();
        back.on('error', () => res.destroy()).pipe(res);
      },
    );
    out.on('error', () => res.destroy());
    req.pipe(out);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
