import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { httpGet, must, runToEnd, TestCluster } from './cluster.ts';
import { realClient } from './real-clients.ts';

const cluster = new TestCluster({ name: 'e2estrm', port: 16_457 });
const directory = mkdtempSync(join(tmpdir(), 'streaming-'));
const image = ['--image=nginx', '--image-pull-policy=IfNotPresent'];
const children = new Set<ChildProcess>();

/** kubectl speaks WebSockets, or SPDY as older clients do. */
const protocols = [
  ['WebSockets', 'true'],
  ['SPDY', 'false'],
] as const;
const settings = (websockets: string): NodeJS.ProcessEnv => ({
  KUBECONFIG: cluster.kubeconfig,
  KUBECTL_REMOTE_COMMAND_WEBSOCKETS: websockets,
  KUBECTL_PORT_FORWARD_WEBSOCKETS: websockets,
});

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1', '--no-example'), 'deploy/up');
  await cluster.kubectlOut('create', 'deployment', 'web', '--image=nginx', '--replicas=2');
  await cluster.kubectlOut('patch', 'deployment', 'web', '--patch', JSON.stringify(patch));
  await cluster.kubectlOut('expose', 'deployment', 'web', '--port=8080', '--target-port=80');
  await cluster.kubectlOut('rollout', 'status', 'deployment/web', '--timeout=60s');
  // Those from before the patch may still be on their way out.
  await eventually(async () => {
    const names = await cluster.kubectlOut('get', 'pods', '-l', 'app=web', '-o', 'name');
    expect(names.trim().split('\n')).toHaveLength(2);
  });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
  must(await cluster.down(), 'deploy/down');
});

const patch = {
  spec: {
    template: {
      spec: {
        containers: [{ name: 'nginx', imagePullPolicy: 'IfNotPresent', ports: [{ containerPort: 80 }] }],
      },
    },
  },
};

const firstPod = (): Promise<string> =>
  cluster.kubectlOut('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[0].metadata.name}');

interface Running {
  readonly child: ChildProcess;
  text(): string;
  readonly code: Promise<number | null>;
}

/** A kubectl that goes on; its output is one text. */
function start(file: string, args: readonly string[], websockets: string): Running {
  const child = spawn(file, args, { env: { ...process.env, ...settings(websockets) } });
  children.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  child.stdin?.on('error', () => undefined);
  const code = new Promise<number | null>((resolve) => child.once('close', resolve));
  void code.then(() => children.delete(child));
  return { child, text: () => text, code };
}

/** kubectl at a terminal of 33 by 77. */
function terminal(args: readonly string[], websockets = 'true'): Running {
  const command = ['stty rows 33 cols 77;', realClient('kubectl'), ...args].join(' ');
  return start('script', ['-qec', command, '/dev/null'], websockets);
}

/** Types a line when a text has been seen. */
async function type(running: Running, line: string, expected: RegExp): Promise<void> {
  await eventually(() => {
    if (!expected.test(running.text())) running.child.stdin?.write('\n');
    expect(running.text()).toMatch(expected);
  }, 20_000);
  running.child.stdin?.write(`${line}\n`);
}

async function forward(
  target: string,
  port: number,
  websockets: string,
): Promise<Running & { readonly port: number }> {
  const running = start(realClient('kubectl'), ['port-forward', target, `:${port}`], websockets);
  const local = await eventually(() => {
    const found = /127\.0\.0\.1:(\d+) ->/.exec(running.text())?.[1];
    if (found === undefined) throw new Error(running.text());
    return Number(found);
  });
  return { ...running, port: local };
}

const hashOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

describe.each(protocols)('kubectl over %s', (_name, websockets) => {
  it('runs commands: streams apart, input to its end, the exit code', async () => {
    const kubectl = (args: readonly string[], input?: string) =>
      runToEnd(realClient('kubectl'), args, {
        environment: settings(websockets),
        ...(input === undefined ? {} : { input }),
      });
    const failed = await kubectl(['exec', 'deploy/web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3']);
    expect(failed).toMatchObject({ code: 3, stdout: 'out\n' });
    expect(failed.stderr).toContain('err\n');
    const input = 'x'.repeat(300_000);
    expect((await kubectl(['exec', '-i', 'deploy/web', '--', 'cat'], input)).stdout).toBe(input);
  });

  it('gives a command a terminal of the size of its own, and loses nothing of what it says last', async () => {
    const shell = terminal(['exec', '-it', 'deploy/web', '--', 'sh'], websockets);
    await type(shell, 'stty size; exit 4', /\/ #/);
    expect(await shell.code).toBe(4);
    expect(shell.text()).toContain('33 77');
    expect(shell.text()).toContain('command terminated with exit code 4');
  });

  it('forwards ports of pods, services and deployments, many connections at a time', async () => {
    for (const target of [await firstPod(), 'service/web', 'deployment/web']) {
      const forwarding = await forward(target, target.startsWith('service') ? 8080 : 80, websockets);
      const answers = await Promise.all(
        Array.from({ length: 12 }, () => httpGet('127.0.0.1', { port: forwarding.port, timeoutMs: 10_000 })),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(12).fill(200));
      forwarding.child.kill('SIGINT');
      await forwarding.code;
    }
  });

  it('says why a port cannot be reached', async () => {
    const forwarding = await forward(await firstPod(), 81, websockets);
    await expect(httpGet('127.0.0.1', { port: forwarding.port })).rejects.toThrow();
    await eventually(() =>
      expect(forwarding.text()).toMatch(/error forwarding port 81 to pod web-.*connect: connection refused/),
    );
    forwarding.child.kill('SIGINT');
  });
});

describe('kubectl', () => {
  it('copies both ways', async () => {
    const pod = await firstPod();
    await cluster.kubectlOut('exec', pod, '--', 'busybox', 'ln', '-sf', '/bin/busybox', '/bin/tar');
    const bytes = randomBytes(2_000_000);
    writeFileSync(join(directory, 'there'), bytes);
    await cluster.kubectlOut('cp', join(directory, 'there'), `${pod}:/tmp/there`);
    await cluster.kubectlOut('cp', `${pod}:/tmp/there`, join(directory, 'back'));
    expect(hashOf(readFileSync(join(directory, 'back')))).toBe(hashOf(bytes));
  });

  it('runs a pod at a terminal, tells how it ended and takes it away', async () => {
    const args = ['run', 'tmp', '-it', '--rm', '--restart=Never', ...image, '--command', '--', 'sh'];
    const shell = terminal(args);
    await type(shell, 'echo sum $((40+2)); exit 5', /\/ #/);
    expect(await shell.code).toBe(5);
    expect(shell.text()).toContain('sum 42');
    expect(shell.text()).toContain('pod "tmp" deleted');
  });

  it('attaches to what runs, without and with a terminal', async () => {
    const sleeper = ['--command', '--', 'sh', '-c', 'while true; do echo tick; sleep 0.2; done'];
    await cluster.kubectlOut('run', 'ticks', ...image, ...sleeper);
    await cluster.kubectlOut('run', 'shell', '-i', '-t', '--attach=false', ...image, '--command', '--', 'sh');
    await cluster.kubectlOut('wait', 'pod/ticks', 'pod/shell', '--for=condition=Ready', '--timeout=30s');
    const viewer = start(realClient('kubectl'), ['attach', 'ticks'], 'true');
    await eventually(() => expect(viewer.text()).toContain('tick\n'));
    viewer.child.kill('SIGINT');
    const shell = terminal(['attach', '-it', 'shell']);
    await type(shell, 'stty size', /\/ #/);
    await eventually(() => expect(shell.text()).toContain('33 77'));
    shell.child.kill('SIGINT');
    const pods = await cluster.objects<{ status: { containerStatuses: { restartCount: number }[] } }>(
      ...['pods', 'ticks', 'shell'],
    );
    expect(pods.map(({ status }) => status.containerStatuses[0]?.restartCount)).toEqual([0, 0]);
    await cluster.kubectlOut('delete', 'pod', 'ticks', 'shell', '--now', '--wait=false');
  });

  it('debugs: beside a container, in a copy, on a node', async () => {
    const pod = await firstPod();
    const shell = terminal(['debug', '-it', pod, ...image, '--target=nginx', '-c', 'look', '--', 'sh']);
    await type(shell, 'ps; exit 0', /\/ #/);
    expect(await shell.code).toBe(0);
    expect(shell.text()).toContain('nginx: master process');
    const removal = '[{"op": "remove", "path": "/spec/ephemeralContainers/0"}]';
    const patched = ['patch', 'pod', pod, '--subresource=ephemeralcontainers', '--type=json', '-p', removal];
    expect((await cluster.kubectl(patched)).stderr).toContain(
      'spec.ephemeralContainers: Forbidden: existing ephemeral containers "look" may not be removed',
    );
    const status = '{.status.ephemeralContainerStatuses[0].state.terminated.exitCode}';
    await eventually(async () =>
      expect(await cluster.kubectlOut('get', 'pod', pod, '-o', `jsonpath=${status}`)).toBe('0'),
    );
    await cluster.kubectlOut('debug', pod, '--copy-to=copy', ...image, '-c', 'side', '--', 'sleep', '1000');
    await cluster.kubectlOut('debug', 'node/host-1', ...image, '--', 'sh', '-c', 'hostname; sleep 1000');
    const debuggers = await cluster.kubectlOut('get', 'pods', '-o', 'name');
    const onNode = debuggers.split('\n').find((name) => name.includes('node-debugger')) ?? '';
    await cluster.kubectlOut('wait', 'pod/copy', onNode, '--for=condition=Ready', '--timeout=30s');
    expect(await cluster.kubectlOut('logs', onNode)).toBe('host-1\n');
    await cluster.kubectlOut('delete', 'pod/copy', onNode, '--now', '--wait=false');
  });

  it('reads logs of many: with their names, of all containers, since a time, with times, on and on', async () => {
    const pod = await firstPod();
    const fetch = ['exec', pod, '-c', 'nginx', '--', 'wget', '-qO', '/dev/null'];
    const visit = (path: string): Promise<string> => cluster.kubectlOut(...fetch, `http://127.0.0.1${path}`);
    await visit('/');
    const follower = start(
      realClient('kubectl'),
      ['logs', '-f', '--prefix', '-l', 'app=web', '--tail=5', '--all-containers'],
      'true',
    );
    await eventually(() => expect(follower.text()).toMatch(new RegExp(`\\[pod/${pod}/nginx\\] .*GET /`)));
    await visit('/?2');
    await eventually(() => expect(follower.text()).toContain('GET /?2'));
    follower.child.kill('SIGINT');
    const timed = await cluster.kubectlOut(
      'logs',
      pod,
      '-c',
      'nginx',
      '--timestamps',
      '--since=1h',
      '--tail=1',
    );
    expect(timed).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z .*GET/);
    expect(await cluster.kubectlOut('logs', pod, '-c', 'nginx', '--since-time=2099-01-01T00:00:00Z')).toBe(
      '',
    );
  });
});

describe('proxy', () => {
  const services = '/api/v1/namespaces/default/services';

  it('reaches services, pods and nodes, and says what it cannot reach', async () => {
    const raw = (path: string) => cluster.kubectl(['get', '--raw', path]);
    const pod = await firstPod();
    for (const path of [
      `${services}/web/proxy/`,
      `${services}/http:web:8080/proxy/`,
      `/api/v1/namespaces/default/pods/${pod}/proxy/`,
      `/api/v1/namespaces/default/pods/${pod}:80/proxy/`,
    ])
      expect((await raw(path)).stdout, path).toContain('Welcome to nginx!');
    expect((await raw('/api/v1/nodes/host-1/proxy/healthz')).stdout).toBe('ok');
    for (const [path, message] of [
      [`${services}/web:81/proxy/`, 'no service port 81 found for service "web"'],
      [`${services}/kubernetes:https/proxy/`, 'no endpoints available for service "kubernetes"'],
      [`/api/v1/namespaces/default/pods/${pod}:81/proxy/`, 'connect: connection refused'],
      ['/api/v1/namespaces/default/pods/none/proxy/', 'pods "none" not found'],
      ['/api/v1/namespaces/default/pods/a:b:c:d/proxy/', 'invalid pod request "a:b:c:d"'],
    ] as const)
      expect((await raw(path)).stderr, path).toContain(message);
  });

  it('serves a page under kubectl proxy, which leads nobody out of its path', async () => {
    const proxy = start(realClient('kubectl'), ['proxy', '--port=0'], 'true');
    const port = await eventually(() => {
      const found = /127\.0\.0\.1:(\d+)/.exec(proxy.text())?.[1];
      if (found === undefined) throw new Error(proxy.text());
      return Number(found);
    });
    const page = await httpGet('127.0.0.1', { port, path: `${services}/web/proxy/`, timeoutMs: 10_000 });
    expect(page).toMatchObject({ status: 200, body: expect.stringContaining('Welcome to nginx!') });
    const { status, location } = await new Promise<{ status?: number; location?: string }>(
      (resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port, path: `${services}/web/proxy?x=1` }, (response) => {
          response.resume();
          const { statusCode, headers } = response;
          resolve({
            ...(statusCode === undefined ? {} : { status: statusCode }),
            location: headers.location ?? '',
          });
        });
        asked.once('error', reject).end();
      },
    );
    expect({ status, location }).toEqual({ status: 301, location: `${services}/web/proxy/?x=1` });
    proxy.child.kill('SIGINT');
  });
});

describe('when parts are lost', () => {
  it('a command ends when its client goes, and a client ends when the agent goes', async () => {
    const pod = await firstPod();
    const running = async (): Promise<string> =>
      (await cluster.kubectlOut('exec', pod, '-c', 'nginx', '--', 'ps')).replaceAll(/.*\bps\b.*\n/g, '');
    const exec = ['exec', pod, '-c', 'nginx', '--', 'sleep', '4321'];
    const left = start(realClient('kubectl'), exec, 'true');
    await eventually(async () => expect(await running()).toContain('sleep 4321'));
    left.child.kill('SIGKILL');
    await eventually(async () => expect(await running()).not.toContain('sleep 4321'));
    const lost = start(realClient('kubectl'), exec, 'true');
    await eventually(async () => expect(await running()).toContain('sleep 4321'));
    process.kill(cluster.pid('node-agent-1') ?? 0, 'SIGKILL');
    expect(await lost.code).toBe(1);
    expect(lost.text()).toMatch(/^error: /m);
    await eventually(async () => expect(await running()).toContain('nginx: master'));
  });
});
