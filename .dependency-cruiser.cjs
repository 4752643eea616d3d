// Who may import whom: the matrix of docs/adr/0001-import-matrix.md, checked by `npm run check` and by
// test/repo/import-rules.test.ts, which also plants a violation of every rule to show that it bites.
//
// Types count as imports: a type from the wrong side is the first step of code from the wrong side.

/** What everybody in bot/ may speak: the wire contracts and the domain vocabulary. */
const VOCABULARY = ['^schema/wire/', '^bot/domain/'];
/** The forge as consumers see it; the drivers in gitlab/ and github/ are not part of it. */
const FORGE_PORT = '^bot/forge/[^/]+[.]ts$';

/** Layer name → its own files and what of ours they may import besides themselves. */
const LAYERS = {
  wire: { own: '^schema/wire/', may: [] },
  domain: { own: '^bot/domain/', may: ['^schema/wire/'] },
  decide: { own: '^bot/decide/', may: VOCABULARY },
  config: { own: '^bot/config/', may: VOCABULARY },
  'forge-port': { own: FORGE_PORT, may: VOCABULARY },
  'forge-gitlab': { own: '^bot/forge/gitlab/', may: [...VOCABULARY, FORGE_PORT] },
  'forge-github': { own: '^bot/forge/github/', may: [...VOCABULARY, FORGE_PORT] },
  store: { own: '^bot/store/', may: VOCABULARY },
  queue: { own: '^bot/queue/', may: [...VOCABULARY, '^bot/store/'] },
  gateway: { own: '^bot/gateway/', may: [...VOCABULARY, '^bot/store/', '^bot/config/'] },
  worker: {
    own: '^bot/worker/',
    may: [...VOCABULARY, '^bot/decide/', FORGE_PORT, '^bot/store/', '^bot/queue/', '^bot/gateway/'],
  },
  http: {
    own: '^bot/http/',
    may: [
      ...VOCABULARY,
      FORGE_PORT,
      '^bot/forge/(gitlab|github)/webhooks[^/]*[.]ts$',
      '^bot/store/',
      '^bot/queue/',
      '^bot/gateway/',
    ],
  },
  // The composition root and the commands know every concrete part of the bot, and nothing beyond it.
  root: { own: '^bot/((main|parts)[.]ts$|cli/)', may: ['^schema/wire/', '^bot/'] },
  jobs: { own: '^jobs/', may: ['^schema/wire/'] },
  sandbox: { own: '^sandbox/', may: ['^schema/wire/'] },
  // Puts the parts together as an installation does, and is part of none of them.
  eval: { own: '^eval/', may: ['^schema/wire/', '^bot/', '^jobs/', '^sandbox/model/'] },
};

/** Packages that one folder wraps, so that replacing one is a change of that folder alone. */
const PACKAGES = {
  pg: { names: ['pg', 'pg-[a-z-]+', '@electric-sql/[a-z-]+'], only: '^bot/store/' },
  queue: { names: ['bullmq', 'ioredis'], only: '^bot/queue/' },
  gitbeaker: { names: ['@gitbeaker/[a-z-]+'], only: '^bot/forge/gitlab/' },
  octokit: { names: ['@octokit/[a-z-]+'], only: '^bot/forge/github/' },
};

const OURS = '^(bot|jobs|sandbox|schema|config|eval|test|bench|proof|deploy|[.]ci)/';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...Object.entries(LAYERS).map(([layer, { own, may }]) => ({
      name: `layer-${layer}`,
      severity: 'error',
      from: { path: own },
      to: { path: OURS, pathNot: [own, ...may] },
    })),
    ...Object.entries(PACKAGES).map(([name, { names, only }]) => ({
      name: `package-${name}`,
      severity: 'error',
      from: { path: '^(bot|jobs|sandbox|schema|eval)/', pathNot: only },
      to: { path: `(^|node_modules/)(@types/)?(${names.join('|')})(/|$)` },
    })),
    {
      name: 'known-folder',
      comment: 'A folder of bot/ without a row in the matrix would be free to import anything.',
      severity: 'error',
      from: {
        path: '^(bot|schema)/.+[.]ts$',
        pathNot: Object.values(LAYERS).map(({ own }) => own),
      },
      to: { path: OURS },
    },
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'resolvable',
      comment: 'An import of ours that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, path: '^[.]' },
    },
    {
      name: 'no-test-code-shipped',
      comment:
        'Tests, benches and proofs may import everything; nothing that is shipped imports them.',
      severity: 'error',
      from: { path: '^(bot|jobs|sandbox|schema)/' },
      to: { path: '^(test|bench|proof|eval)/' },
    },
  ],
  options: {
    // TypeScript 7 has no JavaScript API for dependency-cruiser to use.
    parser: 'swc',
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|[.]autodev|[.]gitlab-ci-local)/|^eval/tasks/' },
    enhancedResolveOptions: {
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
