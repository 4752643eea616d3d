/** What a pipeline's configuration is written in, without what differs from one sandbox to the next. */
import { createHash } from 'node:crypto';
import { parse } from 'yaml';
import { systemEnvironment } from '../env.ts';
import type { PipelineConfig } from './config.ts';
import type { PipelineSpec } from './contract.ts';
import { git } from './exec.ts';
import { CONFIG_FILE } from './resolve-config.ts';

const FETCH_MS = 5_000;
/** Rules on files of the commit, and parts of a configuration that lie elsewhere. */
const DEPENDS_ON_FILES = /\b(?:changes|exists)\s*:/;
const HAS_INCLUDE = /^\s*-?\s*include\s*:/m;
/** Numbers in quotes, such as the ids that a child pipeline is made with: they decide nothing. */
const QUOTED_NUMBER = /"(\d{1,15})"/g;
/** Where they are put while the configuration is resolved. */
const PLACEHOLDER = 7_300_000_000;
/** Where the servers of a sandbox listen: on other ports each time. */
const ADDRESS = /127\.0\.0\.1:\d{2,5}(?!\d)/g;

/** The texts a configuration is made of, and what was taken out of them. */
export interface Texts {
  /** Equal for equal texts. */
  key: string;
  all: string;
  yaml: string | undefined;
  numbers: readonly string[];
  /** The first is the sandbox's own. */
  addresses: readonly string[];
}

/** Null where what the configuration comes to may depend on more than these texts and variables. */
export async function textsOf(spec: PipelineSpec, serverUrl: string): Promise<Texts | null> {
  const own = spec.yaml ?? (await fileAt(spec));
  if (own === null || DEPENDS_ON_FILES.test(own)) return null;
  const included = await includesOf(own);
  if (included === null) return null;
  const numbers: string[] = [];
  const masked =
    spec.yaml === undefined
      ? undefined
      : spec.yaml.replaceAll(QUOTED_NUMBER, (_, number: string) => {
          numbers.push(number);
          return `"${PLACEHOLDER + numbers.length - 1}"`;
        });
  const raw = [masked ?? own, ...included].join('\n');
  const addresses = [...new Set([new URL(serverUrl).host, ...(raw.match(ADDRESS) ?? [])])];
  const all = withoutAddresses(raw, addresses);
  const asked = [all, spec.mergeRequest !== undefined, JSON.stringify(spec.inputs)].join('\n');
  const key = createHash('sha256').update(withoutAddresses(asked, addresses)).digest('hex');
  return { key, all, yaml: masked, numbers, addresses };
}

const addressName = (index: number): string => `address-${index}.sandbox.invalid`;

/** A text with names in the place of addresses. */
export function withoutAddresses(text: string, addresses: readonly string[]): string {
  return text.replaceAll(ADDRESS, (found) => {
    const index = addresses.indexOf(found);
    return index === -1 ? found : addressName(index);
  });
}

async function fileAt(spec: PipelineSpec): Promise<string | null> {
  const args = ['show', `${spec.sha}:${CONFIG_FILE}`];
  return git(spec.project.gitDir, args, systemEnvironment()).catch(() => null);
}

/** The text of every include; null when one is of another kind than `remote`, or includes something itself. */
async function includesOf(text: string): Promise<string[] | null> {
  if (!HAS_INCLUDE.test(text)) return [];
  let include: unknown;
  try {
    include = (parse(text, { logLevel: 'error' }) as { include?: unknown } | null)?.include;
  } catch {
    return null;
  }
  // An include that stands elsewhere than at the top belongs to a trigger job and is no part of this one.
  if (include === undefined) return [];
  const list = Array.isArray(include) ? include : [include];
  const texts: string[] = [];
  for (const entry of list) {
    const remote = (entry as { remote?: unknown } | null)?.remote;
    if (typeof remote !== 'string' || !remote.startsWith('http://127.0.0.1:')) return null;
    const answer = await fetch(remote, { signal: AbortSignal.timeout(FETCH_MS) }).catch(() => null);
    if (!answer?.ok) return null;
    const body = await answer.text();
    if (DEPENDS_ON_FILES.test(body) || /^include\s*:/m.test(body)) return null;
    texts.push(body);
  }
  return texts;
}

/** The configuration with the numbers and addresses of this very pipeline in their places. */
export function filledIn(config: PipelineConfig, { numbers, addresses }: Texts): PipelineConfig {
  let text = JSON.stringify(config);
  for (const [index, number] of numbers.entries()) {
    text = text.replaceAll(String(PLACEHOLDER + index), number);
  }
  for (const [index, address] of addresses.entries()) {
    text = text.replaceAll(addressName(index), address);
  }
  return JSON.parse(text) as PipelineConfig;
}
