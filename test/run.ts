/** Runs the gates one after another and counts: compilers and linters count one each, test files by their tests. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Failure, GateReport } from './gate-reporter.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const gates = ['tidy', 'unit', 'integration', 'simulation', 'e2e'] as const;
type Gate = (typeof gates)[number];

interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
}

const together = (outcomes: readonly Outcome[]): Outcome => ({
  passed: outcomes.reduce((total, outcome) => total + outcome.passed, 0),
  failures: outcomes.flatMap((outcome) => outcome.failures),
});

const environment = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
};

const failed = (what: string, message: string): Outcome => ({ passed: 0, failures: [{ what, message }] });

function runTool(file: string, args: readonly string[], more: NodeJS.ProcessEnv = {}): boolean {
  const env = { ...environment, ...more };
  return spawnSync(file, [...args], { cwd: root, stdio: 'inherit', env }).status === 0;
}

function check(name: string, file: string, args: readonly string[]): Outcome {
  process.stdout.write(`--- ${name}\n`);
  const passed = runTool(file, args);
  process.stdout.write(`${name}: ${passed ? 'ok' : 'FAILED'}\n`);
  return passed ? { passed: 1, failures: [] } : failed(name, 'see its output above');
}

/** Names of tests that may be skipped: the list under "Skipped" in docs/testing.md. */
function allowedSkips(): readonly string[] {
  const text = existsSync(join(root, 'docs/testing.md'))
    ? readFileSync(join(root, 'docs/testing.md'), 'utf8')
    : '';
  const section = /^## Skipped$([\s\S]*?)(^## |$(?![\s\S]))/m.exec(text)?.[1] ?? '';
  return [...section.matchAll(/^- `(.+?)`/gm)].map((match) => match[1] ?? '');
}

function runVitest(gate: Gate): Outcome {
  if (!hasTests(gate)) return { passed: 0, failures: [] };
  process.stdout.write(`--- ${gate} tests\n`);
  const file = join(root, `.bench/${gate}-report.json`);
  mkdirSync(dirname(file), { recursive: true });
  rmSync(file, { force: true });
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', gate];
  const passed = runTool(process.execPath, args, { GATE_REPORT: file });
  if (!existsSync(file)) return failed(gate, 'its run ended without a report; see its output above');
  const report = JSON.parse(readFileSync(file, 'utf8')) as GateReport;
  const skips = allowedSkips();
  const skipped = report.skipped
    .filter((name) => !skips.includes(name))
    .map((name) => ({ what: name, message: 'skipped, and not named in docs/testing.md' }));
  const failures = [...report.failures, ...skipped];
  if (!passed && failures.length === 0) return failed(gate, 'vitest says so, and names no test');
  return { passed: report.passed, failures };
}

function hasTests(gate: Gate): boolean {
  return (
    gate === 'unit' ||
    (existsSync(join(root, 'test', gate)) &&
      readdirSync(join(root, 'test', gate)).some((name) => name.endsWith('.test.ts')))
  );
}

function runGate(gate: Gate): Outcome {
  if (gate !== 'tidy') return runVitest(gate);
  const bin = (name: string): string => join(root, 'node_modules/.bin', name);
  return together([
    check('tsc', bin('tsc'), ['--noEmit']),
    check('biome', bin('biome'), ['check', '--error-on-warnings', '.']),
    check('knip', bin('knip'), []),
    runVitest('tidy'),
  ]);
}

function runScript(folder: string, name: string | undefined): Outcome {
  const scripts = readdirSync(join(root, 'test', folder)).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const names = scripts.map((file) => file.slice(0, -3));
  if (name !== undefined && !names.includes(name)) {
    process.stderr.write(`test/run ${folder}: no "${name}" (there are: ${names.join(', ')})\n`);
    process.exit(2);
  }
  return together(
    names
      .filter((each) => name === undefined || each === name)
      .map((each) =>
        check(`${folder} ${each}`, process.execPath, [join(root, 'test', folder, `${each}.ts`)]),
      ),
  );
}

/** `bench-NAME` is `bench NAME`. */
const [what, name, ...rest] = process.argv
  .slice(2)
  .flatMap((each, i) =>
    i === 0 && each.startsWith('bench-') ? ['bench', each.slice('bench-'.length)] : [each],
  );
const known = [...gates, 'bench', 'soak'];
if (
  rest.length > 0 ||
  (what !== undefined && !known.includes(what)) ||
  (name !== undefined && what !== 'bench')
) {
  process.stderr.write(`usage: test/run [unit|integration|simulation|e2e|tidy|bench [NAME]|soak]\n`);
  process.exit(2);
}
const chosen = gates.filter((gate) => what === undefined || gate === what);
const outcome = what === 'bench' || what === 'soak' ? runScript(what, name) : together(chosen.map(runGate));
// What failed stands once more at the end: the tail of a log is what is kept of it.
for (const { what, message } of outcome.failures) process.stdout.write(`FAILED ${what}\n${message}\n`);
process.stdout.write(`${outcome.passed} passed, ${outcome.failures.length} failed\n`);
process.exit(outcome.failures.length === 0 && outcome.passed > 0 ? 0 : 1);
