import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';

const root = join(import.meta.dirname, '../..');
const parity = join(root, 'test/parity');
/** Groups that take minutes, because what their steps wait for never comes, and those of kinds not yet served. */
const left: ReadonlySet<string> = new Set(groupsUnder('Groups'));
/** What a case waits for that is known not to be answered rightly. */
const knownWaitMs = 2_000;

let etcd: EtcdProcess;
let server: ApiServerProcess;
const cases = mkdtempSync(join(tmpdir(), 'coracle-parity-'));

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  const flags = ['--service-cluster-ip-range=10.0.0.0/16'];
  server = await ApiServerProcess.start({ etcdServers: etcd.url, flags });
  cpSync(join(parity, 'cases'), cases, {
    recursive: true,
    filter: (file) => !left.has(basename(file)),
  });
  for (const name of groupsUnder('Cases')) shortenWaits(join(cases, `${name}.json`));
});
afterAll(async () => {
  await server?.stop();
  await etcd?.stop();
  rmSync(cases, { recursive: true, force: true });
});

/** The names that start the list items of a section of `docs/parity.md`. */
function groupsUnder(heading: string): string[] {
  const text = readFileSync(join(root, 'docs/parity.md'), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^- `(.+?)`/gm)].map((match) => match[1] ?? '');
}

function shortenWaits(file: string): void {
  const { steps, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as { steps: { poll?: object }[] };
  const hasty = steps.map((step) =>
    step.poll === undefined ? step : { ...step, poll: { ...step.poll, timeoutMs: knownWaitMs } },
  );
  writeFileSync(file, JSON.stringify({ ...rest, steps: hasty }));
}

function replay(): Promise<string> {
  const args = [
    ...[join(parity, 'parity.mjs'), 'check', '--kubeconfig', server.kubeconfig('admin')],
    ...['--cases', cases, '--expected', join(parity, 'expected')],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    child.once('error', reject);
    child.once('close', () => resolve(output));
  });
}

test('answers are those of Kubernetes, but for the cases that docs/parity.md lists', async () => {
  const output = await replay();
  const failed = [...output.matchAll(/^FAIL (\S+?):/gm)].map((match) => match[1]);
  expect(failed, output).toEqual(groupsUnder('Cases'));
  expect(output).toMatch(/^\d{2,} passed, \d+ failed$/m);
});
