import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configmaps, secrets } from '../../api/generated/resources.ts';
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
  readonly objectRef?: { readonly resource: string; readonly name?: string; readonly uid?: string };
  readonly responseStatus?: { readonly code: number; readonly status?: string };
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

/** Without a certificate. */
function fetchUntrusted(
  { port }: ApiServerProcess,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number | undefined; readonly auditId: unknown }> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers, rejectUnauthorized: false };
    const request = get(options, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode, auditId: answer.headers['audit-id'] });
    });
    request.once('error', reject);
  });
}

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

  test('names what is made, also where the policy wants no body; a name yet to be generated is none', async () => {
    const path = '/api/v1/namespaces/default/secrets';
    const post = (id: string, metadata: object): Promise<unknown> =>
      admin.request({
        ...{ method: 'POST', path, headers: { 'content-type': 'application/json', 'audit-id': id } },
        body: JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata }),
      });
    await post('named', { name: 'named' });
    await post('unnamed', { generateName: 'unnamed-' });
    expect((await told(({ auditID }) => auditID === 'named')).objectRef?.name).toBe('named');
    expect((await told(({ auditID }) => auditID === 'unnamed')).objectRef).not.toHaveProperty('name');
    await admin.request({ method: 'DELETE', path: `${path}/named`, headers: { 'audit-id': 'gone' } });
    expect((await told(({ auditID }) => auditID === 'gone')).responseStatus).toMatchObject({
      ...{ status: 'Success', details: { name: 'named', kind: 'secrets' }, code: 200 },
    });
  });

  test('tells who tried to act as another and may not, and who was not believed', async () => {
    const path = '/api/v1/namespaces/default/pods';
    const as = { 'impersonate-user': 'system:admin', 'audit-id': 'pretends' };
    const scheduler = await server.client('scheduler');
    expect((await scheduler.request({ method: 'GET', path, headers: as })).status).toBe(403);
    const pretends = await told(({ auditID }) => auditID === 'pretends');
    expect(pretends).toMatchObject({
      ...{ stage: 'ResponseComplete', user: { username: 'system:kube-scheduler' } },
      responseStatus: { code: 403, reason: 'Forbidden', message: expect.stringContaining('impersonate') },
    });
    expect(pretends).not.toHaveProperty('impersonatedUser');
    const answer = await fetchUntrusted(server, path, {
      ...{ authorization: 'Bearer wrong', 'audit-id': 'unknown', 'x-forwarded-for': '10.9.8.7, nonsense' },
    });
    expect(answer).toMatchObject({ status: 401, auditId: 'unknown' });
    expect(await told(({ auditID }) => auditID === 'unknown')).toMatchObject({
      ...{ stage: 'ResponseStarted', user: {}, sourceIPs: ['10.9.8.7', '127.0.0.1'] },
      responseStatus: { code: 401, message: 'Authentication failed, attempted: bearer' },
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

describe('an event of a server that is told to tell everything', () => {
  const path = join(directory, 'all', 'audit.log');
  let telling: ApiServerProcess;
  let asked: ClosableApiClient;
  interface Full extends Line {
    readonly annotations?: Readonly<Record<string, string>>;
    readonly responseObject?: { readonly metadata?: object; readonly data?: unknown; readonly kind?: string };
  }
  const find = (matches: (line: Full) => boolean): Promise<Full> =>
    eventually(async () => {
      const found = (linesOf(path) as Full[]).find(matches);
      if (found === undefined) throw new Error('not told');
      return found;
    });

  beforeAll(async () => {
    const policy = join(directory, 'all.yaml');
    writeFileSync(
      policy,
      `apiVersion: audit.k8s.io/v1
kind: Policy
omitManagedFields: true
rules:
- level: Metadata
  omitStages: [RequestReceived]
  nonResourceURLs: ["/*"]
- level: RequestResponse
`,
    );
    telling = await ApiServerProcess.start({
      flags: [`--audit-log-path=${path}`, `--audit-policy-file=${policy}`],
    });
    asked = await telling.client('admin');
  });
  afterAll(() => telling.stop());

  const create = async (path: string, id: string, body: object, as?: string): Promise<Full> => {
    const user = as === undefined ? {} : { 'impersonate-user': as };
    const headers = { 'content-type': 'application/json', 'audit-id': id, ...user };
    await asked.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
    return find(({ auditID, stage }) => auditID === id && stage !== 'RequestReceived');
  };
  const configMap = (value: string): object => ({
    ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'a-' }, data: { value } },
  });
  const configMapsPath = '/api/v1/namespaces/default/configmaps';

  test('carries the answer without field owners, and that the request was allowed', async () => {
    const line = await create(configMapsPath, 'small', configMap('told'));
    expect(line.stage).toBe('ResponseComplete');
    expect(line.responseObject).toMatchObject({ kind: 'ConfigMap', data: { value: 'told' } });
    expect(line.responseObject?.metadata).not.toHaveProperty('managedFields');
    expect(line.annotations).toMatchObject({ 'authorization.k8s.io/decision': 'allow' });
    await find(({ auditID, stage }) => auditID === 'small' && stage === 'RequestReceived');
  });

  test('is cut when the answer is long', async () => {
    const line = await create(configMapsPath, 'large', configMap('x'.repeat(110_000)));
    expect(line).not.toHaveProperty('responseObject');
    expect(line.annotations).toMatchObject({ 'audit.k8s.io/truncated': 'true' });
  });

  test('says who was refused, and carries the refusal', async () => {
    const line = await create(configMapsPath, 'refused', configMap('a'), 'jane');
    expect(line.annotations).toEqual({
      'authorization.k8s.io/decision': 'forbid',
      'authorization.k8s.io/reason': '',
    });
    expect(line.responseObject).toMatchObject({ kind: 'Status', reason: 'Forbidden' });
  });

  test('carries what admission has to say, of that request alone', async () => {
    const labels = { 'pod-security.kubernetes.io/audit': 'restricted' };
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'strict', labels } };
    await create('/api/v1/namespaces', 'strict', namespace);
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
    await create('/api/v1/namespaces/strict/serviceaccounts', 'account', account);
    const spec = { containers: [{ name: 'c', image: 'nginx' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec };
    const line = await create('/api/v1/namespaces/strict/pods', 'pod', pod);
    expect(line.responseStatus?.code).toBe(201);
    const key = 'pod-security.kubernetes.io/audit-violations';
    expect(line.annotations?.[key]).toContain('restricted');
    const next = await create(configMapsPath, 'next', configMap('a'));
    expect(next.annotations).not.toHaveProperty([key]);
  });

  test('never carries what answers about credentials say', async () => {
    const tokens = '/api/v1/namespaces/default/serviceaccounts/default/token';
    const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
    await create('/api/v1/namespaces/default/serviceaccounts', 'account-2', account);
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} };
    const line = await create(tokens, 'token', body);
    expect(line).toMatchObject({ level: 'Metadata', responseStatus: { code: 201 } });
    expect(line).not.toHaveProperty('responseObject');
    expect(readFileSync(path, 'utf8')).not.toMatch(/eyJhbGciOi/);
  });
});
