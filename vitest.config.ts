import { defineConfig } from 'vitest/config';
import { gateReporter } from './test/gate-reporter.ts';
import { folders } from './test/tidy/source-files.ts';

const tested = folders.filter((folder) => folder !== 'test');

const reportFile = process.env['GATE_REPORT'];

export default defineConfig({
  test: {
    reporters: ['default', ...(reportFile === undefined ? [] : [gateReporter(reportFile)])],
    projects: [
      {
        test: {
          name: 'unit',
          include: tested.map((folder) => `${folder}/**/*.test.ts`),
          testTimeout: 10_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 120_000 } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
      { test: { name: 'tidy', include: ['test/tidy/**/*.test.ts'], testTimeout: 30_000 } },
    ],
  },
});
