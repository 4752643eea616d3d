/**
 * Probot as a peer of the intake: its own server with an app that listens and does nothing. Arguments:
 * Probot's entry, the webhook secret, the port. A process of its own; prints its URL when it listens.
 */
import { generateKeyPairSync } from 'node:crypto';
import { pathToFileURL } from 'node:url';

interface Probot {
  run(
    app: (app: { on(event: string, handler: () => Promise<void>): void }) => void,
    options: { env: Record<string, string> },
  ): Promise<unknown>;
}

const [entry = '', secret = '', port = ''] = process.argv.slice(2);
const { run } = (await import(pathToFileURL(entry).href)) as Probot;
const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});
const nothing = (): Promise<void> => Promise.resolve();
await run((app) => app.on('issues', nothing), {
  env: {
    ...{ APP_ID: '1', PRIVATE_KEY: privateKey, WEBHOOK_SECRET: secret },
    ...{ PORT: port, HOST: '127.0.0.1', LOG_LEVEL: 'warn' },
  },
});
process.stdout.write(`http://127.0.0.1:${port}/api/github/webhooks\n`);
process.once('SIGTERM', () => process.exit(0));
