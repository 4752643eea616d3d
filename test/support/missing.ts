/** Suites that need a server or a program this machine does not have: left out aloud, or failed when required. */
import { test } from '@jest/globals';
import type { ServerKind } from './backends.ts';
import type { CliKind } from './cli-programs.ts';
import type { RealClient } from './real-clients.ts';

/**
 * Declares what stands in the place of a suite whose server is not there.
 * AUTODEV_TEST_REQUIRE=postgres,redis makes it a failure.
 */
export function declareMissing(
  kind: ServerKind | CliKind | RealClient | 'bwrap' | 'chromium' | 'python3',
  suite: string,
): void {
  const required = (process.env.AUTODEV_TEST_REQUIRE ?? '').split(',').includes(kind);
  const line = `${suite} left out on ${kind}: none in the environment, no binary on this machine`;
  if (required) {
    test(`${suite} on ${kind}`, () => {
      throw new Error(`AUTODEV_TEST_REQUIRE names ${kind}, but: ${line}`);
    });
    return;
  }
  process.stdout.write(`${line}\n`);
  test.skip(line, () => undefined);
}
