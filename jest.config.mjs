// One configuration for every kind of test; the folder under test/ says which kind it is.
// ES modules need `node --experimental-vm-modules`, which .ci/jest.mjs passes (`npm test -- <path>`).
import { availableParallelism } from 'node:os';

export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2024' },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  // Long enough for a database to start while the machine is busy with other tests.
  testTimeout: 60_000,
  // Most tests wait for processes and sockets half of their time.
  maxWorkers: availableParallelism() + 2,
  testSequencer: '<rootDir>/.ci/jest-sequencer.mjs',
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  reporters: ['default', '<rootDir>/.ci/jest-reporter.mjs'],
};
