/** The only reader of the process environment in sandbox/: what a job may know of this machine. */

const FALLBACK_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The two variables every started process gets from this machine; nothing else of the
 * environment is passed on, so that no credential of the developer reaches a job.
 */
export function systemEnvironment(): { PATH: string; LANG: string } {
  return { PATH: process.env['PATH'] ?? FALLBACK_PATH, LANG: process.env['LANG'] ?? 'C.UTF-8' };
}
