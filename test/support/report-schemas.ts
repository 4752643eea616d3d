/**
 * What the readers of our reports ask of them, in our own words: GitLab's security report format 15 (what
 * its schemas require and limit), its Code Quality format, and the parts of SARIF 2.1.0 that code scanning
 * reads. Extra keys of ours are refused: a misspelt one must not pass as an unknown one.
 */
import { Ajv, type AnySchema } from 'ajv';
import { SaxesParser } from 'saxes';

const text = (max: number): AnySchema => ({ type: 'string', maxLength: max, pattern: CLEAN });
const filled = { type: 'string', minLength: 1, pattern: '^[^\\u0000]*$' };
/** PostgreSQL, and so GitLab, cannot store the sign 0. */
const CLEAN = '^[^\\u0000]*$';
const count = { type: 'integer', minimum: 1 };
const link = { type: 'string', pattern: '^https?://.+' };
const utc = { type: 'string', pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}$' };

function exact(properties: Record<string, AnySchema>, ...optional: string[]): AnySchema {
  const required = Object.keys(properties).filter((key) => !optional.includes(key));
  return { type: 'object', properties, required, additionalProperties: false };
}
const list = (items: AnySchema, minItems = 0): AnySchema => ({ type: 'array', items, minItems });

const tool = exact({
  id: filled,
  name: filled,
  version: filled,
  vendor: exact({ name: filled }),
});
const identifier = exact({ type: filled, name: filled, value: filled, url: link }, 'url');
const flag = exact({
  type: { const: 'flagged-as-likely-false-positive' },
  origin: filled,
  description: filled,
});
const dependency = exact({ package: exact({ name: filled }), version: text(200) });
const place = { file: filled, start_line: count, end_line: count };

/** A security report of one type; `location` is what each type asks of a finding's place. */
function security(
  type: string,
  location: AnySchema,
  more: Record<string, AnySchema> = {},
): AnySchema {
  const vulnerability = exact(
    {
      id: filled,
      name: { ...filled, maxLength: 255 },
      description: text(1_048_576),
      severity: { enum: ['Info', 'Unknown', 'Low', 'Medium', 'High', 'Critical'] },
      solution: text(7_000),
      identifiers: list(identifier, 1),
      location,
      flags: list(flag, 1),
    },
    'solution',
    'flags',
  );
  const message = exact({ level: { enum: ['info', 'warn', 'fatal'] }, value: filled });
  const scan = exact(
    {
      analyzer: tool,
      scanner: tool,
      type: { const: type },
      start_time: utc,
      end_time: utc,
      status: { enum: ['success', 'failure'] },
      messages: list(message, 1),
    },
    'messages',
  );
  const version = { type: 'string', pattern: '^15\\.[0-2]\\.\\d+$' };
  return exact({ version, vulnerabilities: list(vulnerability), scan, ...more });
}

const quality = {
  ...(list(
    exact({
      type: { const: 'issue' },
      description: filled,
      check_name: filled,
      categories: list(filled, 1),
      content: exact({ body: text(1_048_576) }),
      fingerprint: { type: 'string', pattern: '^[0-9a-f]{64}$' },
      severity: { enum: ['info', 'minor', 'major', 'critical', 'blocker'] },
      location: exact({
        path: { type: 'string', pattern: '^(?!/|\\.\\.?/)[^\\u0000]+$' },
        lines: exact({ begin: count }),
      }),
    }),
  ) as object),
};

const message = exact({ text: filled });
const level = { enum: ['none', 'note', 'warning', 'error'] };
const rule = exact({
  id: filled,
  shortDescription: message,
  defaultConfiguration: exact({ level }),
  properties: exact(
    {
      tags: { ...(list(filled) as object), uniqueItems: true },
      'security-severity': { type: 'string', pattern: '^(10|\\d)\\.\\d$' },
    },
    'security-severity',
  ),
});
const result = exact(
  {
    ruleId: filled,
    ruleIndex: { type: 'integer', minimum: 0 },
    level,
    message,
    locations: list(
      exact({
        physicalLocation: exact({
          artifactLocation: exact({
            uri: { type: 'string', pattern: "^(?:[\\w.~!*'()-]|%[0-9A-F]{2}|/)+$" },
            uriBaseId: { const: '%SRCROOT%' },
          }),
          region: exact({ startLine: count, endLine: count }),
        }),
      }),
      1,
    ),
    partialFingerprints: exact({ 'autodevFinding/v1': filled }),
    suppressions: list(
      exact({
        kind: { enum: ['inSource', 'external'] },
        status: { enum: ['accepted', 'underReview', 'rejected'] },
        justification: filled,
      }),
      1,
    ),
  },
  'suppressions',
);
const sarif = exact({
  $schema: link,
  version: { const: '2.1.0' },
  runs: list(
    exact({
      tool: exact({ driver: exact({ name: filled, version: filled, rules: list(rule) }) }),
      automationDetails: exact({ id: filled }),
      columnKind: { enum: ['utf16CodeUnits', 'unicodeCodePoints'] },
      invocations: list(
        exact({
          executionSuccessful: { type: 'boolean' },
          toolExecutionNotifications: list(exact({ level, message })),
        }),
        1,
      ),
      results: list(result),
    }),
    1,
  ),
});

const SCHEMAS: Readonly<Record<string, AnySchema>> = {
  codequality: quality,
  sast: security('sast', exact(place)),
  dependencyScanning: security('dependency_scanning', exact({ file: filled, dependency }), {
    dependency_files: list(
      exact({ path: filled, package_manager: filled, dependencies: list(dependency) }),
    ),
  }),
  secretDetection: security(
    'secret_detection',
    exact({ ...place, commit: exact({ sha: filled }) }),
  ),
  sarif,
};
const ajv = new Ajv({ allErrors: true });
const checks = new Map(Object.entries(SCHEMAS).map(([name, one]) => [name, ajv.compile(one)]));

/** What is wrong with a JSON report of that kind; empty when it is valid. */
export function reportProblems(kind: string, report: string): string[] {
  const check = checks.get(kind);
  if (check === undefined) throw new Error(`there is no schema for ${kind}`);
  check(JSON.parse(report));
  return (check.errors ?? []).map(({ instancePath, message: what }) => `${instancePath} ${what}`);
}

export interface XmlElement {
  name: string;
  attributes: Record<string, string>;
  text: string;
}

/** Every element of an XML text, in order of their ends. @throws where it is not well-formed. */
export function xmlElements(xml: string): XmlElement[] {
  const open: XmlElement[] = [];
  const all: XmlElement[] = [];
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name, attributes }) => {
    open.push({ name, attributes: { ...attributes } as Record<string, string>, text: '' });
  });
  parser.on('text', (part) => {
    const last = open.at(-1);
    if (last) last.text += part;
  });
  parser.on('closetag', () => {
    const last = open.pop();
    if (last) all.push(last);
  });
  parser.write(xml).close();
  return all;
}
