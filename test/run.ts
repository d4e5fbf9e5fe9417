/** Runs the gates one after another and counts: compilers and linters count one each, test files by their tests. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const gates = ['tidy', 'unit', 'integration', 'simulation', 'e2e'] as const;
type Gate = (typeof gates)[number];

interface Count {
  readonly passed: number;
  readonly failed: number;
}

interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

const sum = (counts: readonly Count[]): Count => ({
  passed: counts.reduce((total, count) => total + count.passed, 0),
  failed: counts.reduce((total, count) => total + count.failed, 0),
});

const environment = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${join(root, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`,
};

function runTool(file: string, args: readonly string[]): boolean {
  return spawnSync(file, [...args], { cwd: root, stdio: 'inherit', env: environment }).status === 0;
}

function check(name: string, file: string, args: readonly string[]): Count {
  process.stdout.write(`--- ${name}\n`);
  const passed = runTool(file, args);
  process.stdout.write(`${name}: ${passed ? 'ok' : 'FAILED'}\n`);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1 };
}

/** Names of tests that may be skipped: the list under "Skipped" in docs/testing.md. */
function allowedSkips(): readonly string[] {
  const text = existsSync(join(root, 'docs/testing.md'))
    ? readFileSync(join(root, 'docs/testing.md'), 'utf8')
    : '';
  const section = /^## Skipped$([\s\S]*?)(^## |$(?![\s\S]))/m.exec(text)?.[1] ?? '';
  return [...section.matchAll(/^- `(.+?)`/gm)].map((match) => match[1] ?? '');
}

function runVitest(gate: Gate): Count {
  if (!hasTests(gate)) return { passed: 0, failed: 0 };
  process.stdout.write(`--- ${gate} tests\n`);
  const report = join(root, `.bench/${gate}-report.json`);
  mkdirSync(dirname(report), { recursive: true });
  rmSync(report, { force: true });
  const args = [
    'run',
    '--project',
    gate,
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ];
  const passed = runTool(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args]);
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const count = countReport(JSON.parse(readFileSync(report, 'utf8')) as VitestReport);
  // An error outside any test (an unhandled rejection, a file that does not load) must not vanish.
  return passed || count.failed > 0 ? count : { ...count, failed: 1 };
}

function hasTests(gate: Gate): boolean {
  return (
    gate === 'unit' ||
    (existsSync(join(root, 'test', gate)) &&
      readdirSync(join(root, 'test', gate)).some((name) => name.endsWith('.test.ts')))
  );
}

function countReport(report: VitestReport): Count {
  const skips = allowedSkips();
  let passed = 0;
  let failed = 0;
  for (const file of report.testResults) {
    if (file.assertionResults.length === 0 && file.status !== 'passed') failed += 1;
    for (const result of file.assertionResults) {
      if (result.status === 'passed') passed += 1;
      else if (result.status === 'failed' || !skips.includes(result.fullName)) failed += 1;
    }
  }
  return { passed, failed };
}

function runGate(gate: Gate): Count {
  if (gate !== 'tidy') return runVitest(gate);
  const bin = (name: string): string => join(root, 'node_modules/.bin', name);
  return sum([
    check('tsc', bin('tsc'), ['--noEmit']),
    check('biome', bin('biome'), ['check', '--error-on-warnings', '.']),
    check('knip', bin('knip'), []),
    runVitest('tidy'),
  ]);
}

function runScript(folder: string, name: string | undefined): Count {
  const scripts = readdirSync(join(root, 'test', folder)).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.test.ts'),
  );
  const names = scripts.map((file) => file.slice(0, -3));
  if (name !== undefined && !names.includes(name)) {
    process.stderr.write(`test/run ${folder}: no "${name}" (there are: ${names.join(', ')})\n`);
    process.exit(2);
  }
  return sum(
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
const count = what === 'bench' || what === 'soak' ? runScript(what, name) : sum(chosen.map(runGate));
process.stdout.write(`${count.passed} passed, ${count.failed} failed\n`);
process.exit(count.failed === 0 && count.passed > 0 ? 0 : 1);
