/**
 * What the intake is compared with: a bare express handler that checks the HMAC of the body and stores
 * nothing. A process of its own; prints its URL when it listens.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import express from 'express';

const secret = process.argv[2] ?? '';
const app = express();
app.post('/', express.raw({ type: () => true, limit: '25mb' }), (request, response) => {
  const digest = createHmac('sha256', secret)
    .update(request.body as Buffer)
    .digest('hex');
  const expected = Buffer.from(`sha256=${digest}`);
  const given = Buffer.from(request.headers['x-hub-signature-256']?.toString() ?? '');
  const ok = given.length === expected.length && timingSafeEqual(given, expected);
  response.status(ok ? 202 : 401).json({ ok });
});
const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`http://127.0.0.1:${(server.address() as AddressInfo).port}/\n`);
process.once('SIGTERM', () => process.exit(0));
