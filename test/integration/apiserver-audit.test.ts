import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configmaps, secrets } from '../../api/generated/resources.ts';
import { RotatingFile } from '../../apiserver/audit/rotating-file.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';

interface Line {
  readonly verb: string;
  readonly stage: string;
  readonly level: string;
  readonly auditID: string;
  readonly user: { readonly username: string };
  readonly impersonatedUser?: { readonly username: string };
  readonly objectRef?: { readonly resource: string; readonly name?: string };
  readonly responseStatus?: { readonly code: number };
  readonly requestObject?: { readonly data?: unknown };
}

const directory = mkdtempSync(join(tmpdir(), 'coracle-audit-'));
const logPath = join(directory, 'log', 'audit.log');
let server: ApiServerProcess;
let admin: ClosableApiClient;

const linesOf = (path: string): Line[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
const told = (matches: (line: Line) => boolean): Promise<Line> =>
  eventually(async () => {
    const found = linesOf(logPath).find(matches);
    if (found === undefined) throw new Error('not told');
    return found;
  });

beforeAll(async () => {
  const policy = join(directory, 'policy.yaml');
  writeFileSync(
    policy,
    `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/readyz*"]
- level: Request
`,
  );
  server = await ApiServerProcess.start({
    flags: [`--audit-log-path=${logPath}`, `--audit-policy-file=${policy}`],
  });
  admin = await server.client('admin');
});
afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
});

describe('the audit log', () => {
  test('tells who did what with which object', async () => {
    const metadata = { name: 'told', namespace: 'default' };
    await admin.create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { a: '1' } });
    const line = await told(
      ({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'configmaps',
    );
    expect(line).toMatchObject({
      stage: 'ResponseComplete',
      level: 'Request',
      user: { username: 'kubernetes-admin' },
      responseStatus: { code: 201 },
      requestObject: { data: { a: '1' } },
    });
  });

  test('never tells what a secret holds', async () => {
    const metadata = { name: 'hidden', namespace: 'default' };
    await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata, stringData: { p: 'hunter2' } });
    const line = await told(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'secrets');
    expect(line.level).toBe('Metadata');
    expect(readFileSync(logPath, 'utf8')).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  test('tells of what is refused, and as whom it was asked', async () => {
    const path = '/api/v1/namespaces/default/secrets';
    const headers = { 'impersonate-user': 'jane', 'audit-id': 'my-own-id' };
    const { status } = await admin.request({ method: 'GET', path, headers });
    expect(status).toBe(403);
    const line = await told(({ auditID }) => auditID === 'my-own-id');
    expect(line).toMatchObject({
      verb: 'list',
      user: { username: 'kubernetes-admin' },
      impersonatedUser: { username: 'jane' },
      responseStatus: { code: 403, reason: 'Forbidden' },
    });
  });

  test('tells when a watch begins, and when it ends', async () => {
    const abort = new AbortController();
    const watch = admin.watch(configmaps, { resourceVersion: '0' }, abort.signal);
    const first = watch[Symbol.asyncIterator]().next();
    const isWatch = (line: Line): boolean =>
      line.verb === 'watch' && line.objectRef?.resource === 'configmaps';
    await told((line) => isWatch(line) && line.stage === 'ResponseStarted');
    expect(linesOf(logPath).some((line) => isWatch(line) && line.stage === 'ResponseComplete')).toBe(false);
    abort.abort();
    await first;
    await told((line) => isWatch(line) && line.stage === 'ResponseComplete');
  });
});

describe('a rotating file', () => {
  test('is put aside when it is full, and only so many are kept', async () => {
    const path = join(directory, 'small', 'audit.log');
    let nowMs = Date.UTC(2026, 0, 1);
    const clock = { ...systemClock, nowMs: () => (nowMs += 1) };
    const options = { path, maxBytes: 1_000, maxBackups: 3, maxAgeDays: 0 };
    const file = new RotatingFile({ ...options, clock, logger: silentLogger });
    for (let at = 0; at < 40; at += 1) {
      file.append(`${at} ${'x'.repeat(90)}`);
      await file.close();
    }
    const names = (await readdir(join(directory, 'small'))).sort();
    expect(names).toHaveLength(4);
    expect(names).toContain('audit.log');
    const kept = names.flatMap((name) =>
      readFileSync(join(directory, 'small', name), 'utf8')
        .trim()
        .split('\n'),
    );
    expect(kept.every((line) => line.length > 90)).toBe(true);
    expect(kept.some((line) => line.startsWith('39 '))).toBe(true);
  });

  test('counts what it cannot write, and goes on when it can', async () => {
    const path = join(directory, 'blocked', 'audit.log');
    writeFileSync(join(directory, 'blocked'), 'a file where the folder should be');
    const options = { path, maxBytes: 1_000, maxBackups: 3, maxAgeDays: 0 };
    const file = new RotatingFile({ ...options, clock: systemClock, logger: silentLogger });
    file.append('lost');
    await file.close();
    expect(file.lost).toBe(1);
    rmSync(join(directory, 'blocked'));
    file.append('kept');
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe('kept\n');
  });
});
