/** Writes what a gate's run came to, for test/run.ts. */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** How much of an error's text is kept: several failures must fit into the last screen of a log. */
const longestMessage = 1_500;

/** A thing that failed: a test, a file that does not load, or an error outside of both. */
export interface Failure {
  readonly what: string;
  readonly message: string;
}

export interface GateReport {
  readonly passed: number;
  readonly skipped: readonly string[];
  readonly failures: readonly Failure[];
}

interface RaisedError {
  readonly message?: string;
  readonly stack?: string;
}

const textOf = (errors: readonly RaisedError[]): string =>
  errors
    .flatMap((error) => (error.stack ?? error.message ?? String(error)).split('\n'))
    .filter((line) => !line.includes('/node_modules/'))
    .join('\n')
    .slice(0, longestMessage);

function failuresOf(file: TestModule): Failure[] {
  const path = relative(process.cwd(), file.moduleId);
  const failures: Failure[] = [];
  const outside = file.errors();
  if (outside.length > 0) failures.push({ what: path, message: textOf(outside) });
  for (const suite of file.children.allSuites())
    if (suite.errors().length > 0)
      failures.push({ what: `${path}: ${suite.fullName}`, message: textOf(suite.errors()) });
  for (const test of file.children.allTests('failed'))
    failures.push({ what: `${path}: ${test.fullName}`, message: textOf(test.result().errors ?? []) });
  return failures;
}

function reportOf(files: readonly TestModule[], unhandled: readonly RaisedError[]): GateReport {
  const tests = files.flatMap((file) => [...file.children.allTests()]);
  return {
    passed: tests.filter((test) => test.result().state === 'passed').length,
    skipped: tests
      .filter((test) => !['passed', 'failed'].includes(test.result().state))
      .map((test) => test.fullName),
    failures: [
      ...files.flatMap(failuresOf),
      ...unhandled.map((error) => ({ what: 'outside of any test', message: textOf([error]) })),
    ],
  };
}

/** `file`: where the `GateReport` goes, as JSON, when the run ends. */
export const gateReporter = (file: string): Reporter => ({
  onTestRunEnd: (files, unhandled) => writeFileSync(file, JSON.stringify(reportOf(files, unhandled))),
});
