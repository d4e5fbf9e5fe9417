import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { RotatingFile } from '../../apiserver/audit/rotating-file.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { Storage } from '../../apiserver/storage/storage.ts';
import { systemClock } from '../../base/clock.ts';
import { type Logger, silentLogger } from '../../base/logger.ts';
import { startApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';

const directory = mkdtempSync(join(tmpdir(), 'coracle-audit-faults-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const common = { maxBackups: 3, maxAgeDays: 0, clock: systemClock, logger: silentLogger };

/** Every write to it fails for want of room. */
const fullDevice = '/dev/full';

describe('a rotating file', () => {
  test('is put aside when it is full, and only so many are kept', async () => {
    const path = join(directory, 'small', 'audit.log');
    let nowMs = Date.UTC(2026, 0, 1);
    const clock = { ...systemClock, nowMs: () => (nowMs += 1) };
    const file = new RotatingFile({ ...common, path, maxBytes: 1_000, clock });
    for (let at = 0; at < 40; at += 1) {
      file.append(`${at} ${'x'.repeat(90)}`);
      await file.close();
    }
    const names = readdirSync(join(directory, 'small')).sort();
    expect(names).toHaveLength(4);
    expect(names).toContain('audit.log');
    const kept = names.flatMap((name) => linesOf(join(directory, 'small', name)));
    expect(kept.every((line) => line.length > 90)).toBe(true);
    expect(kept.some((line) => line.startsWith('39 '))).toBe(true);
  });

  test('is filled to the byte and not beyond, also by lines that come at once', async () => {
    const path = join(directory, 'exact', 'audit.log');
    let nowMs = Date.UTC(2026, 0, 1);
    const clock = { ...systemClock, nowMs: () => (nowMs += 1) };
    const file = new RotatingFile({ ...common, path, maxBytes: 1_000, maxBackups: 0, clock });
    // Ten of 100 bytes with their newlines fill one; one longer than a whole file has one for itself.
    for (let at = 0; at < 30; at += 1) file.append(`${at % 10}${'x'.repeat(98)}`);
    file.append('y'.repeat(2_000));
    file.append('z');
    await file.close();
    const names = readdirSync(join(directory, 'exact')).sort();
    const sizes = names.map((name) => statSync(join(directory, 'exact', name)).size);
    expect(sizes).toEqual([1_000, 1_000, 1_000, 2_001, 2]);
    expect(file.lost).toBe(0);
  });

  test('keeps nothing for longer than its days', async () => {
    const path = join(directory, 'aged', 'audit.log');
    let nowMs = Date.now() - 1;
    const clock = { ...systemClock, nowMs: () => nowMs };
    const file = new RotatingFile({ ...common, path, maxBytes: 10, maxAgeDays: 2, clock });
    for (const line of ['one-one', 'two-two']) {
      file.append(line);
      await file.close();
      nowMs += 1;
    }
    expect(readdirSync(join(directory, 'aged'))).toHaveLength(2);
    nowMs += 3 * 86_400_000;
    file.append('three-three');
    await file.close();
    expect(readdirSync(join(directory, 'aged'))).toEqual(['audit.log']);
  });

  test('counts what it cannot write, says so once, and goes on when it can', async () => {
    const path = join(directory, 'blocked.log');
    symlinkSync(fullDevice, path);
    const said: string[] = [];
    const say = (_: unknown, message: string): number => said.push(message);
    const logger: Logger = { ...silentLogger, error: say, warn: say };
    const file = new RotatingFile({ ...common, path, maxBytes: 1_000, logger });
    for (const line of ['lost', 'lost too']) {
      file.append(line);
      await file.close();
    }
    expect(file.lost).toBe(2);
    rmSync(path);
    file.append('kept');
    await file.close();
    expect(readFileSync(path, 'utf8')).toBe('kept\n');
    expect(said).toEqual(['write the audit log', 'the audit log is written again']);
  });
});

describe('a server whose audit log has no room', () => {
  test('serves on, counts the events that are lost, and writes again when there is room', async () => {
    const path = join(directory, 'full.log');
    symlinkSync(fullDevice, path);
    const server = await startApiServer([], new MemoryStorage(), [`--audit-log-path=${path}`]);
    try {
      const admin = await server.clientAs('admin');
      const create = (name: string): Promise<{ status: number }> =>
        admin.request({
          ...{ method: 'POST', path: '/api/v1/namespaces', headers: { 'content-type': 'application/json' } },
          body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
        });
      const figure = async (name: string): Promise<number> => {
        const { body } = await admin.request({ method: 'GET', path: '/metrics' });
        const line = body
          .toString()
          .split('\n')
          .find((each) => each.startsWith(name));
        return Number(line?.split(' ').at(-1) ?? Number.NaN);
      };
      expect((await create('unheard')).status).toBe(201);
      await eventually(async () =>
        expect(await figure('apiserver_audit_error_total{plugin="log"}')).toBeGreaterThan(0),
      );
      expect(await figure('apiserver_audit_event_total')).toBeGreaterThan(0);
      expect(await figure('apiserver_audit_level_total{level="Metadata"}')).toBeGreaterThan(0);
      symlinkSync(join(directory, 'roomy.log'), `${path}.new`);
      renameSync(`${path}.new`, path);
      expect((await create('heard')).status).toBe(201);
      await eventually(async () => {
        expect(existsSync(path)).toBe(true);
        expect(linesOf(path).join()).toContain('"heard"');
      });
      expect(linesOf(path).every((line) => line.startsWith('{') && line.endsWith('}'))).toBe(true);
    } finally {
      await server.stop();
    }
  });
});

/** Fails at one object in a way that no part of the server expects. */
function unforeseenStorage(): Storage {
  const storage = new MemoryStorage();
  const fail = (writes: readonly { readonly key: string }[]): void => {
    if (writes.some(({ key }) => key.endsWith('/unforeseen'))) throw new TypeError('what nobody thought of');
  };
  return {
    get: (key) => storage.get(key),
    isEncrypted: () => storage.isEncrypted(),
    async commit(writes) {
      fail(writes);
      return storage.commit(writes);
    },
    async commitEach(writes, checks) {
      fail(writes);
      return storage.commitEach(writes, checks);
    },
    delete: (deletes) => storage.delete(deletes),
    currentVersion: () => storage.currentVersion(),
    scan: (prefix) => storage.scan(prefix),
    watch: (from, signal) => storage.watch(from, signal),
    run: (signal) => storage.run(signal),
    close: () => storage.close(),
  };
}

describe('a server that fails at a request in a way that nobody foresaw', () => {
  test('tells of it in stage Panic, and of nothing else', async () => {
    const path = join(directory, 'panic.log');
    const policy = join(directory, 'panic.yaml');
    const rules = [{ level: 'Metadata', resources: [{ resources: ['namespaces'] }] }];
    writeFileSync(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', rules }));
    const flags = [`--audit-log-path=${path}`, `--audit-policy-file=${policy}`];
    const server = await startApiServer([], unforeseenStorage(), flags);
    try {
      const admin = await server.clientAs('admin');
      const headers = { 'content-type': 'application/json', 'audit-id': 'it' };
      const body = JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'unforeseen' } });
      const answer = await admin.request({ method: 'POST', path: '/api/v1/namespaces', headers, body });
      expect(answer.status).toBe(500);
      const stages = await eventually(async () => {
        const events = linesOf(path).map((line) => JSON.parse(line) as { auditID: string; stage: string });
        const told = events.filter(({ auditID }) => auditID === 'it');
        expect(told).toHaveLength(2);
        return told;
      });
      expect(stages).toMatchObject([
        { stage: 'RequestReceived' },
        {
          stage: 'Panic',
          objectRef: { name: 'unforeseen' },
          responseStatus: { status: 'Failure', reason: 'InternalError', code: 500 },
        },
      ]);
    } finally {
      await server.stop();
    }
  });
});

function linesOf(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
