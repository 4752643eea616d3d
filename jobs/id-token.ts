import { JobError } from './errors.ts';
import { trimSlashes } from './slashes.ts';

/**
 * The bot's URL: `server` when given, else the `aud` claim of the job's own id token. The token is
 * decoded without checking its signature, which is right here: it is this job's own, and the bot
 * checks it. Returned without a trailing slash.
 * @throws JobError when neither gives an http(s) URL.
 */
export function serverUrl(idToken: string, server: string | undefined): string {
  const url = server ?? audience(idToken);
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return trimSlashes(url);
  throw new JobError(
    'The bot cannot be found',
    `"${url.slice(0, 100)}" is not an http(s) URL`,
    'Set the `server` input of the autodev template to the URL of your bot',
  );
}

function audience(idToken: string): string {
  let claims: { aud?: unknown };
  try {
    const payload = idToken.split('.')[1] ?? '';
    claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as typeof claims;
  } catch {
    throw new JobError(
      'AUTODEV_ID_TOKEN cannot be read',
      'it is not a JSON web token',
      'Declare it under `id_tokens` in the job, as ci-templates/autodev.yml does',
    );
  }
  const aud: unknown = Array.isArray(claims.aud) ? claims.aud[0] : claims.aud;
  return typeof aud === 'string' ? aud : '';
}

/** The id token of this job, or an error that says how to get one. */
export function requireIdToken(idToken: string | undefined): string {
  if (idToken) return idToken;
  throw new JobError(
    'AUTODEV_ID_TOKEN is not set',
    'the job has no `id_tokens` entry, or the runner did not pass it on',
    'Include ci-templates/autodev.yml, which declares it',
  );
}
