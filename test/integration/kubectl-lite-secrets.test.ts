import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { type CommandOutcome, runKubectlLite } from '../support/kubectl-lite.ts';

const directory = mkdtempSync(join(tmpdir(), 'coracle-rewrite-'));
const file = join(directory, 'encryption.json');
let etcd: EtcdProcess;
let server: ApiServerProcess;

const configurationOf = (...keys: readonly string[]): string =>
  JSON.stringify({
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'EncryptionConfiguration',
    resources: [
      {
        resources: ['secrets'],
        providers: [
          {
            aesgcm: {
              keys: keys.map((name) => ({ name, secret: Buffer.alloc(32, name).toString('base64') })),
            },
          },
          { identity: {} },
        ],
      },
    ],
  });

async function start(...keys: readonly string[]): Promise<void> {
  writeFileSync(file, configurationOf(...keys));
  server = await ApiServerProcess.start({
    etcdServers: etcd.url,
    flags: [`--encryption-provider-config=${file}`],
  });
}

const run = (...args: readonly string[]): Promise<CommandOutcome> =>
  runKubectlLite(server.kubeconfig('admin'), args);

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  await start('one');
});
afterAll(async () => {
  await server.stop();
  await etcd.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('a token is made, listed and deleted', async () => {
  const made = await run('token', 'create', '--ttl=1h', '--description=for test');
  expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/^[a-z0-9]{6}\.[a-z0-9]{16}\n$/) });
  const token = made.out.trim();
  const [id = ''] = token.split('.');
  const { out } = await run('token', 'list');
  expect(out).toMatch(/^TOKEN +TTL +EXPIRES +USAGES +DESCRIPTION +EXTRA GROUPS\n/);
  expect(out).toMatch(
    new RegExp(`${token} +(59m|60m|1h) +\\S+ +authentication,signing +for test +system:bootstrappers:`),
  );
  expect(await run('token', 'delete', id)).toMatchObject({
    code: 0,
    out: `bootstrap token "${id}" deleted\n`,
  });
  expect((await run('token', 'list')).out).not.toContain(token);
  expect(await run('token', 'delete', id)).toMatchObject({
    code: 1,
    err: `error: no bootstrap token "${id}"\n`,
  });
});

test('there is no line to join by while the cluster publishes nothing, and no token is left behind', async () => {
  const nothing = { code: 1, err: expect.stringContaining('has no ConfigMap kube-public/cluster-info') };
  expect(await run('join-command')).toMatchObject(nothing);
  expect(await run('token', 'create', '--print-join-command')).toMatchObject(nothing);
  expect((await run('token', 'list')).out.trim().split('\n')).toHaveLength(1);
});

test('a token that is none is refused', async () => {
  expect(await run('token', 'create', 'short')).toMatchObject({
    code: 1,
    err: expect.stringContaining('form'),
  });
  expect(await run('token', 'create', '--usages=all')).toMatchObject({
    code: 1,
    err: expect.stringContaining('invalid usage "all"'),
  });
});

test('secrets are stored anew exactly where the key in use is another', async () => {
  for (const name of ['a', 'b', 'c'])
    await run('create', 'secret', 'generic', name, '--from-literal=p=hunter2');
  expect(await run('secrets', 'rewrite')).toMatchObject({
    out: '3 secrets, 0 of them stored anew\n',
    code: 0,
  });
  await server.quit();
  await server.stop();
  await start('two', 'one');
  expect((await run('secrets', 'rewrite')).out).toBe('3 secrets, 3 of them stored anew\n');
  expect((await run('secrets', 'rewrite')).out).toBe('3 secrets, 0 of them stored anew\n');
  await server.quit();
  await server.stop();
  await start('two');
  const { out } = await run('get', 'secret', 'b', '-o', 'jsonpath={.data.p}');
  expect(Buffer.from(out, 'base64').toString()).toBe('hunter2');
});
