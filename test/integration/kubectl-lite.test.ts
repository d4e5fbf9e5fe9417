import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { type CommandOutcome, runKubectlLite } from '../support/kubectl-lite.ts';

let server: ApiServerProcess;
let directory: string;

const run = (line: string): Promise<CommandOutcome> =>
  runKubectlLite(server.kubeconfig('admin'), line.split(' '));

async function file(name: string, text: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, text);
  return path;
}

const web = (image: string, env: string): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: ${image}, env: [${env}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`;

beforeAll(async () => {
  server = await ApiServerProcess.start();
  directory = await mkdtemp(join(tmpdir(), 'kubectl-lite-'));
});

afterAll(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

test('apply creates, leaves alone, changes, and removes what the file no longer says', async () => {
  const first = await file('web.yaml', web('nginx:1', '{name: A, value: "1"}, {name: B, value: "2"}'));
  expect(await run(`apply -f ${first}`)).toEqual({
    out: 'deployment.apps/web created\nservice/web created\n',
    err: '',
    code: 0,
  });
  expect((await run(`apply -f ${first}`)).out).toBe('deployment.apps/web unchanged\nservice/web unchanged\n');
  const second = await file('web.yaml', web('nginx:2', '{name: A, value: "1"}'));
  expect((await run(`apply -f ${second}`)).out).toBe(
    'deployment.apps/web configured\nservice/web unchanged\n',
  );
  const shown = await run(
    'get deploy web -o jsonpath={.spec.template.spec.containers[*].image}{..env[*].name}',
  );
  expect(shown.out).toBe('nginx:2A');
});

test('get prints tables, names and JSON, and says when nothing is there', async () => {
  expect((await run('get deploy,svc -o name')).out).toContain('deployment.apps/web\n');
  expect((await run('get deploy')).out).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/3 /);
  expect((await run('get pods')).err).toBe('No resources found in default namespace.\n');
  expect(await run('get pods zz')).toEqual({
    out: '',
    err: 'Error from server (NotFound): pods "zz" not found\n',
    code: 1,
  });
  expect((await run('get nonsense')).err).toBe(
    'error: the server doesn\'t have a resource type "nonsense"\n',
  );
});

test('scale, label, annotate and rollout say what they did', async () => {
  expect((await run('scale deploy/web --replicas=5')).out).toBe('deployment.apps/web scaled\n');
  expect((await run('label deploy web tier=front')).out).toBe('deployment.apps/web labeled\n');
  expect((await run('label deploy web tier=back')).err).toContain("'tier' already has a value (front)");
  expect((await run('label deploy web tier-')).out).toBe('deployment.apps/web unlabeled\n');
  expect((await run('annotate deploy web a=b')).out).toBe('deployment.apps/web annotated\n');
  expect((await run('rollout restart deploy/web')).out).toBe('deployment.apps/web restarted\n');
  expect((await run('rollout pause deploy/web')).out).toBe('deployment.apps/web paused\n');
  expect((await run('rollout pause deploy/web')).err).toBe(
    'error: deployments.apps "web" is already paused\n',
  );
});

test('describe shows a deployment with its template', async () => {
  const { out } = await run('describe deploy web');
  expect(out).toContain(
    'Replicas:               5 desired | 0 updated | 0 total | 0 available | 0 unavailable\n',
  );
  expect(out).toContain('\n    Image:      nginx:2\n');
});

test.each([
  [
    'a kind that is unknown',
    'apiVersion: v1\nkind: Foo\nmetadata: {name: x}',
    'no matches for kind "Foo" in version "v1"',
  ],
  ['no kind', 'a: b', 'apiVersion not set, kind not set'],
  ['no YAML', 'a: [', 'error converting YAML to JSON: yaml: line'],
  [
    'a bad value',
    'apiVersion: v1\nkind: Service\nmetadata: {name: bad}\nspec: {ports: [{port: 99999999}]}',
    'The Service "bad" is invalid: \n* spec.ports[0].port: Invalid value: 99999999',
  ],
])('a file with %s is refused', async (_, text, message) => {
  const { code, err } = await run(`apply -f ${await file('bad.yaml', text)}`);
  expect([code, err]).toEqual([1, expect.stringContaining(message)]);
});

test('delete says from where, waits, and does not mind what is gone when asked not to', async () => {
  expect((await run('delete svc web')).out).toBe('service "web" deleted from default namespace\n');
  expect((await run('delete svc web')).code).toBe(1);
  expect(await run('delete svc web --ignore-not-found')).toEqual({ out: '', err: '', code: 0 });
});

test('a server that is not there is named', async () => {
  const path = await file(
    'config',
    JSON.stringify({
      'current-context': 'c',
      contexts: [{ name: 'c', context: { cluster: 'c' } }],
      clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    }),
  );
  expect(await run(`get pods --kubeconfig ${path}`)).toEqual({
    out: '',
    err: 'The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?\n',
    code: 1,
  });
});
