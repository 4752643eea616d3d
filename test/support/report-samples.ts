/** The sample reports of GitLab, where they are at hand: what ours look like beside them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const SAMPLES = join(import.meta.dirname, '../../../shared/reference/schemas/samples');

/** The samples by kind; null, with a line that says so, where they are not there. */
export function gitlabSamples(): { quality: unknown[]; security: unknown[] } | null {
  if (!existsSync(SAMPLES)) {
    process.stderr.write('left out: the sample reports of GitLab are not here\n');
    return null;
  }
  const read = (file: string): unknown => JSON.parse(readFileSync(join(SAMPLES, file), 'utf8'));
  const security = readdirSync(SAMPLES).filter((file) => file.startsWith('security_reports_'));
  if (security.length <= 5) throw new Error('most sample reports are missing');
  return { quality: [read('codequality_codeclimate.json')], security: security.map(read) };
}

/** Every key of ours is one that a sample has in that place, with a value of the same kind. */
export function fits(ours: unknown, samples: readonly unknown[], at: string): string[] {
  if (Array.isArray(ours)) {
    const items = samples.flatMap((sample) => (Array.isArray(sample) ? sample : []) as unknown[]);
    return ours.flatMap((item, index) => fits(item, items, `${at}[${index}]`));
  }
  if (typeof ours !== 'object' || ours === null) {
    const kinds = new Set(samples.map((sample) => typeof sample));
    return kinds.has(typeof ours) ? [] : [`${at}: ${typeof ours}, not ${[...kinds].join(' or ')}`];
  }
  return Object.entries(ours).flatMap(([key, value]) => {
    const there = samples.flatMap((sample) =>
      typeof sample === 'object' && sample !== null && key in sample
        ? [(sample as Record<string, unknown>)[key]]
        : [],
    );
    return there.length > 0 ? fits(value, there, `${at}.${key}`) : [`${at}.${key} is unknown`];
  });
}
