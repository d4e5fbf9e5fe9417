/** `@kubernetes/client-node`, as a program would use it, against an API server and an agent with real containers. */
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import {
  Attach,
  CoreV1Api as CoreApi,
  type CoreV1Api,
  Cp,
  Exec,
  KubeConfig,
  Log,
  makeInformer,
  PatchStrategy,
  PortForward,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Status,
  Watch,
} from '@kubernetes/client-node';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { eventually } from '../support/eventually.ts';
import { shellContainer } from '../support/host-pods.ts';

let host: AgentHost;
let directory: string;
const config = new KubeConfig();
let core: CoreV1Api;

const namespace = 'default';
const script =
  'echo begun; socat TCP-LISTEN:7000,bind=127.0.0.1,fork,reuseaddr PIPE & while read line; do echo "read $line"; done; sleep 1000';

beforeAll(async () => {
  host = await startAgentHost();
  directory = await mkdtemp(join(tmpdir(), 'client-library-'));
  config.loadFromFile(join(host.directory, 'admin.json'));
  core = config.makeApiClient(CoreApi);
  await host.createPod('server', { containers: [shellContainer(script, { stdin: true })] });
  await eventually(async () => {
    const { status } = await core.readNamespacedPod({ namespace, name: 'server' });
    expect(status?.phase).toBe('Running');
  });
});
afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
  await host[Symbol.asyncDispose]();
});

function textOf(stream: Readable): () => string {
  let text = '';
  stream.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return () => text;
}

/** Standard output of a command in the container. */
async function run(...command: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  const text = textOf(stdout);
  await new Promise<V1Status>((resolve, reject) => {
    new Exec(config)
      .exec(namespace, 'server', 'main', [...command], stdout, null, null, false, resolve)
      .catch(reject);
  });
  return text();
}

test('exec: streams apart, input to its end, how it ended', async () => {
  const [stdout, stderr, stdin] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const [out, err] = [textOf(stdout), textOf(stderr)];
  stdin.end('some input');
  const command = ['sh', '-c', 'cat; echo err >&2; exit 7'];
  const status = await new Promise<V1Status>((resolve, reject) => {
    new Exec(config)
      .exec(namespace, 'server', 'main', command, stdout, stderr, stdin, false, resolve)
      .catch(reject);
  });
  expect(status).toMatchObject({
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '7' }] },
  });
  expect([out(), err()]).toEqual(['some input', 'err\n']);
});

test('attach reaches the input and the output of the main process', async () => {
  const [stdout, stdin] = [new PassThrough(), new PassThrough()];
  const out = textOf(stdout);
  const socket = await new Attach(config).attach(namespace, 'server', 'main', stdout, null, stdin, false);
  await eventually(() => {
    stdin.write('hello\n');
    expect(out()).toContain('read hello');
  });
  socket.close();
});

test('port-forward carries bytes to a port on the loopback of the pod', async () => {
  const [output, input] = [new PassThrough(), new PassThrough()];
  const out = textOf(output);
  const socket = await new PortForward(config).portForward(namespace, 'server', [7000], output, null, input);
  input.write('there and back');
  await eventually(() => expect(out()).toBe('there and back'));
  if (typeof socket !== 'function') socket.close();
});

test('log: of the past, and followed to the end of the container', async () => {
  const read = await core.readNamespacedPodLog({ namespace, name: 'server', limitBytes: 6 });
  expect(read).toBe('begun\n');
  const container = shellContainer('echo one; sleep 0.5; echo two');
  await host.createPod('ends', { containers: [container], restartPolicy: 'Never' });
  const stream = new PassThrough();
  const followed = textOf(stream);
  await eventually(() => new Log(config).log(namespace, 'ends', 'main', stream, { follow: true }));
  await once(stream, 'end');
  expect(followed()).toBe('one\ntwo\n');
});

test('cp: into a container and out of it', async () => {
  const content = 'x'.repeat(100_000);
  await mkdir(join(directory, 'in'));
  await writeFile(join(directory, 'in/file'), content);
  const cp = new Cp(config);
  // The library does not wait for the copy.
  await cp.cpToPod(namespace, 'server', 'main', join(directory, 'in'), '/tmp');
  await eventually(async () => expect(await run('cat', '/tmp/file')).toBe(content));
  await cp.cpFromPod(namespace, 'server', 'main', 'file', join(directory, 'out'), '/tmp');
  await eventually(async () => expect(await readFile(join(directory, 'out/file'), 'utf8')).toBe(content));
});

const configMap = (name: string, data: Record<string, string>): V1ConfigMap => ({ metadata: { name }, data });

test('patch: of every kind', async () => {
  await core.createNamespacedConfigMap({ namespace, body: configMap('patched', { a: '1', b: '2' }) });
  const patch = async (
    strategy: PatchStrategy,
    body: object,
  ): Promise<Record<string, string> | undefined> => {
    const options = setHeaderOptions('Content-Type', strategy);
    const fieldManager = 'library';
    const target = { namespace, name: 'patched', body };
    const applied = strategy === PatchStrategy.ServerSideApply ? { fieldManager, force: true } : {};
    return (await core.patchNamespacedConfigMap({ ...target, ...applied }, options)).data;
  };
  expect(await patch(PatchStrategy.JsonPatch, [{ op: 'replace', path: '/data/a', value: 'json' }])).toEqual({
    a: 'json',
    b: '2',
  });
  expect(await patch(PatchStrategy.MergePatch, { data: { b: null, c: 'merge' } })).toEqual({
    a: 'json',
    c: 'merge',
  });
  expect(await patch(PatchStrategy.StrategicMergePatch, { data: { c: 'strategic' } })).toEqual({
    a: 'json',
    c: 'strategic',
  });
  const applied = { apiVersion: 'v1', kind: 'ConfigMap', ...configMap('patched', { d: 'applied' }) };
  expect(await patch(PatchStrategy.ServerSideApply, applied)).toMatchObject({ d: 'applied' });
});

test('informer and watch: what is there, what comes, changes and goes', async () => {
  const seen: string[] = [];
  const path = `/api/v1/namespaces/${namespace}/configmaps`;
  const labelSelector = 'watched=yes';
  const list = () => core.listNamespacedConfigMap({ namespace, labelSelector });
  const informer = makeInformer(config, path, list, labelSelector);
  for (const event of ['add', 'update', 'delete'] as const)
    informer.on(event, (object) => seen.push(`${event} ${object.metadata?.name}`));
  const watched: string[] = [];
  const make = (name: string): V1ConfigMap => ({
    metadata: { name, labels: { watched: 'yes' } },
    data: { v: '1' },
  });
  await core.createNamespacedConfigMap({ namespace, body: make('before') });
  await informer.start();
  const note = (phase: string, object: { metadata: { name: string } }): number =>
    watched.push(`${phase} ${object.metadata.name}`);
  const watch = await new Watch(config).watch(path, { labelSelector }, note, () => undefined);
  await eventually(() => expect([seen, watched]).toEqual([['add before'], ['ADDED before']]));
  await core.createNamespacedConfigMap({ namespace, body: make('after') });
  await core.replaceNamespacedConfigMap({
    ...{ namespace, name: 'after' },
    body: { ...make('after'), data: { v: '2' } },
  });
  await core.deleteNamespacedConfigMap({ namespace, name: 'before' });
  await eventually(() => {
    expect(seen).toEqual(['add before', 'add after', 'update after', 'delete before']);
    expect(watched).toEqual(['ADDED before', 'ADDED after', 'MODIFIED after', 'DELETED before']);
  });
  expect(informer.get('after', namespace)?.data).toEqual({ v: '2' });
  watch.abort();
  await informer.stop();
});

test('a command with a terminal ends when its client goes', async () => {
  const stdout = new PassThrough();
  const out = textOf(stdout);
  const command = ['sh', '-c', 'echo $$; exec sleep 4321'];
  const socket = await new Exec(config).exec(
    ...([namespace, 'server', 'main', command, stdout, null, null, true] as const),
  );
  await eventually(() => expect(out()).toMatch(/^\d+\r\n$/));
  const pid = out().trim();
  socket.close();
  await once(socket, 'close');
  await eventually(async () => expect((await run('ls', '/proc')).split('\n')).not.toContain(pid));
});
