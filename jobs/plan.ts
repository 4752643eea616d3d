/** `autodev-job plan`: fetches the child pipeline's YAML, which the bot writes (DESIGN §4.3). */
import { ApiRefusal, post } from './api.ts';
import type { JobEnv } from './env.ts';
import { JobError } from './errors.ts';
import { requireIdToken, serverUrl } from './id-token.ts';
import type { RunLog } from './run-log.ts';
import { writeFresh } from './write-fresh.ts';

/** Asks the bot for this pipeline's plan and writes it to `out`. @throws JobError */
export async function plan(env: JobEnv, out: string, log: RunLog): Promise<void> {
  const token = requireIdToken(env.idToken);
  const server = serverUrl(token, env.server);
  const yaml = await post(`${server}/api/job/plan`, {
    token,
    onRetry: (reason, pause) => log.line(`plan: ${reason}, trying again in ${pause} ms`),
  }).catch((error: unknown) => {
    if (!(error instanceof ApiRefusal)) throw error;
    throw new JobError(
      `The bot at ${server} gave no plan (${error.status} ${error.code})`,
      error.message,
      error.fix ?? 'Check that the project is connected: autodev doctor',
    );
  });
  if (yaml.trim() === '') {
    throw new JobError('The plan is empty', `${server} answered without a body`, 'Update the bot');
  }
  await writeFresh(out, yaml);
  log.line(`plan: ${Buffer.byteLength(yaml)} bytes written to ${out}`);
}
