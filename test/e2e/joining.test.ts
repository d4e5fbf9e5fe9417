import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lifeOfCertificate, pairText, replaceSecretFile } from '../../client/certificate-file.ts';
import { clientOrder, servingOrder } from '../../client/node-order.ts';
import { createPrivateKeyPem, createSigningRequest } from '../../client/signing-request.ts';
import { parseRequest } from '../../controllers/certificates/request-facts.ts';
import { SigningAuthority } from '../../controllers/certificates/signing-authority.ts';
import { eventually } from '../support/eventually.ts';
import { root } from '../tidy/source-files.ts';
import { must, runToEnd, TestCluster } from './cluster.ts';
import { OtherMachine } from './other-machine.ts';

const cluster = new TestCluster({ name: 'e2ejoin', port: 16_463 });
const node = 'e2ejm';
const machine = new OtherMachine(cluster, node, 240);

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1'), 'deploy/up');
  await machine.boot();
});
afterAll(async () => {
  await machine.remove();
  must(await cluster.down(), 'deploy/down');
});

const lite = async (...args: string[]): Promise<string> =>
  must(
    await runToEnd(join(root, 'bin/kubectl-lite'), ['--kubeconfig', cluster.kubeconfig, ...args]),
    `kubectl-lite ${args.join(' ')}`,
  ).stdout;

/** What a join that must not succeed says. */
async function refusal(line: string, ...more: string[]): Promise<string> {
  const { code, stderr } = await machine.join(line, ...more);
  expect(code, stderr).toBe(1);
  return stderr;
}

const identity = (file: string): string => join(machine.state, 'hosts', node, file);
const requests = async (): Promise<string[]> =>
  (await cluster.kubectlOut('get', 'csr', '--no-headers')).trim().split('\n');
const pidOf = (unit: string): number => {
  const pid = cluster.pid(unit);
  if (pid === undefined) throw new Error(`${unit} does not run`);
  return pid;
};

describe('a machine is not taken in', () => {
  it('when the authority is not the one that was meant', async () => {
    const line = await lite('join-command', '--ttl', '10m');
    const other = line.replace(/sha256:\w+/, `sha256:${'0'.repeat(64)}`);
    expect(await refusal(other)).toMatch(/is not the cluster that was meant: its authority's key is sha256:/);
  });

  it('when its secret is not the token’s', async () => {
    const line = await lite('token', 'create', '--print-join-command');
    const wrong = line.replace(/\.[a-z0-9]{16} /, '.0123456789abcdef ');
    expect(await refusal(wrong)).toMatch(/is not signed with this token/);
  });

  it('when the token was deleted', async () => {
    const line = await lite('join-command');
    await lite('token', 'delete', /--token (\w{6})/.exec(line)?.[1] ?? '');
    expect(await refusal(line)).toMatch(/knows no token|is not accepted/);
  });

  it('by the name of a node that is there', async () => {
    const line = await lite('join-command');
    expect(await refusal(line, '--node-name', 'host-1')).toMatch(
      /does not take this machine in as "host-1": .*node "host-1" exists: delete it/,
    );
    expect((await requests()).join()).toContain('Denied');
  });
});

describe('a machine that joins', () => {
  it('becomes a node by one line, also when the API server dies meanwhile', async () => {
    const line = await lite('join-command');
    const controllers = pidOf('controllers-1');
    process.kill(controllers, 'SIGSTOP');
    const joining = machine.join(line);
    try {
      await eventually(async () => expect((await requests()).join()).toContain('Pending'), 20_000);
      process.kill(pidOf('apiserver-1'), 'SIGKILL');
    } finally {
      process.kill(controllers, 'SIGCONT');
    }
    must(await joining, 'deploy/host join');
    expect(await cluster.kubectlOut('get', 'node', node)).toMatch(/\bReady\b/);
    await eventually(async () => {
      // Its guard's beats are believed.
      const guard = '{.metadata.annotations.coracle\\.dev/guard}';
      expect(await cluster.kubectlOut('get', 'node', node, '-o', `jsonpath=${guard}`)).not.toBe('');
      const columns = await cluster.kubectlOut('get', 'csr');
      expect(columns).toMatch(/^NAME +AGE +SIGNERNAME +REQUESTOR +REQUESTEDDURATION +CONDITION/);
      for (const [signer, requestor] of [
        ['kube-apiserver-client-kubelet', 'system:bootstrap:\\w{6}'],
        ['kubelet-serving', `system:node:${node}`],
      ])
        expect(columns).toMatch(new RegExp(`kubernetes.io/${signer} +${requestor} +<none> +Approved,Issued`));
    });
  });

  it('keeps its keys to itself', async () => {
    const files = readdirSync(join(machine.state, 'hosts', node)).filter((name) => name !== 'disk');
    expect(files.sort()).toEqual(['beat.key', 'ca.crt', 'client.pem', 'kubeconfig', 'serving.pem']);
    for (const file of files) expect(statSync(identity(file)).mode & 0o777, file).toBe(0o600);
    const hidden = await machine.run('sh', '-c', `ls -A '${cluster.state}'`);
    expect(hidden.stdout).toBe('');
  });

  it('runs pods that reach and are reached, by address and by name', async () => {
    const spec = { nodeName: node, containers: [{ name: 'c', image: 'nginx' }] };
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'there', labels: { app: 'nginx' } },
      spec,
    };
    must(await cluster.kubectl(['create', '-f', '-'], JSON.stringify(pod)), 'create');
    await cluster.kubectlOut('wait', '--for=condition=Ready', 'pod/there', '--timeout=30s');
    const fetch = (from: string, what: string): Promise<string> =>
      cluster.kubectlOut('exec', from, '--', 'wget', '-q', '-O', '-', `http://${what}/`);
    const there = await cluster.kubectlOut('get', 'pod', 'there', '-o', 'jsonpath={.status.podIP}');
    const here = await cluster.kubectlOut(
      ...['get', 'pods', '-l', 'app=nginx', '--field-selector=spec.nodeName=host-1'],
      ...['-o', 'jsonpath={.items[0].metadata.name}'],
    );
    await eventually(async () => {
      expect(await fetch(here, there)).toContain('Served by pod there');
      expect(await fetch('there', 'nginx.default.svc.cluster.local')).toContain('Served by pod');
    }, 15_000);
    expect(await cluster.kubectlOut('logs', 'there')).toContain('GET / HTTP');
  });

  it('joins once: the same line again starts nothing and orders nothing', async () => {
    const before = await requests();
    const line = await lite('join-command');
    must(await machine.join(line), 'deploy/host join, again');
    must(await machine.host('join'), 'deploy/host join, without a server');
    expect((await requests()).length).toBe(before.length);
    expect((await machine.join(line.replace(/join \S+/, 'join 192.0.2.1:1'))).stderr).toContain(
      `this machine is node ${node}`,
    );
  });

  it('renews certificates that end soon by itself when its agent starts, and no pod notices', async () => {
    const started = await cluster.kubectlOut('get', 'pod', 'there', '-o', 'jsonpath={.status.startTime}');
    const before = await lay(await endingPair('client'), await endingPair('serving'));
    must(await machine.run('pkill', '-KILL', '-f', 'node-agent/main.js'), 'kill the agent');
    await eventually(async () => {
      for (const file of ['client.pem', 'serving.pem']) {
        const text = readFileSync(identity(file), 'utf8');
        expect(before).not.toContain(text);
        expect(lifeOfCertificate(text).endMs).toBeGreaterThan(Date.now() + 3_600_000);
        expect(new X509Certificate(text).subject).toContain(`CN=system:node:${node}`);
      }
    }, 30_000);
    await eventually(async () => expect(await cluster.kubectlOut('exec', 'there', '--', 'true')).toBe(''));
    const facts = '{.status.startTime} {.status.containerStatuses[0].restartCount}';
    const now = await cluster.kubectlOut('get', 'pod', 'there', '-o', `jsonpath=${facts}`);
    expect(now).toBe(`${started} 0`);
  });
});

/** A certificate of the cluster for the node, with a minute left of a quarter of an hour. */
async function endingPair(which: 'client' | 'serving'): Promise<string> {
  const pki = (name: string): string => readFileSync(join(cluster.state, 'pki', name), 'utf8');
  const authority = await SigningAuthority.open({
    ...{ certPem: pki('ca.crt'), keyPem: pki('ca.key'), durationSeconds: 86_400 },
  });
  const key = createPrivateKeyPem();
  const order = which === 'client' ? clientOrder(node, key) : servingOrder(node, [machine.address], key);
  const request = parseRequest(Buffer.from(createSigningRequest(order)).toString('base64'));
  const nowMs = Date.now() - 9 * 60_000;
  return pairText({
    cert: await authority.sign(request, { usages: order.usages, seconds: 600, nowMs }),
    key,
  });
}

async function lay(client: string, serving: string): Promise<string[]> {
  await replaceSecretFile(identity('client.pem'), client);
  await replaceSecretFile(identity('serving.pem'), serving);
  return [client, serving];
}

it('a machine that leaves is what it was', async () => {
  await cluster.kubectlOut('drain', node, '--force', '--ignore-daemonsets', '--delete-emptydir-data');
  const left = must(await machine.host('leave'), 'deploy/host leave');
  expect(left.stdout).toContain(`kubectl delete node ${node}`);
  await cluster.kubectlOut('delete', 'node', node);
  const remains = await machine.run(
    ...['sh', '-c', 'ls -A /run/coracle /var/lib/coracle; ip -br link show; nft list tables'],
  );
  expect(remains.stdout).not.toMatch(/crc|coracle_|table ip coracle|guard/);
  // Its name is free again, for a key that it never had before.
  must(await machine.join(await lite('join-command')), 'deploy/host join, after it had left');
});
