import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { root } from '../tidy/source-files.ts';
import { type CommandResult, must, runToEnd, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2elite', port: 16_452 });
const program = join(root, 'bin/kubectl-lite');

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '2', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

/** From `/`, as everything that `runToEnd` runs. */
const run = (args: readonly string[], input?: string): Promise<CommandResult> =>
  runToEnd(program, args, {
    environment: { KUBECONFIG: cluster.kubeconfig },
    ...(input === undefined ? {} : { input }),
  });
const lite = async (...args: string[]): Promise<string> => must(await run(args), args.join(' ')).stdout;
const apply = async (manifest: object): Promise<string> =>
  must(await run(['apply', '-f', '-'], JSON.stringify(manifest)), 'apply').stdout;
const rolledOut = (): Promise<string> => lite('rollout', 'status', 'deploy/web', '--timeout=60s');

const deployment = (container: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'nginx', imagePullPolicy: 'IfNotPresent', ...container }] },
    },
  },
});
const service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
};

/** Output that is read while the command runs. */
async function until(args: readonly string[], text: string, meanwhile: () => Promise<void>): Promise<void> {
  const child = spawn(program, args, { cwd: '/', env: { ...process.env, KUBECONFIG: cluster.kubeconfig } });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  try {
    await eventually(() => expect(output).not.toBe(''), 30_000);
    await meanwhile();
    await eventually(() => expect(output).toContain(text), 30_000);
  } finally {
    child.kill();
  }
}

describe('kubectl-lite', () => {
  it('applies: created, unchanged, configured, and the removal of a field', async () => {
    const env = [{ name: 'A', value: '1' }];
    expect(await apply(deployment({ env }))).toBe('deployment.apps/web created\n');
    expect(await apply(deployment({ env }))).toBe('deployment.apps/web unchanged\n');
    expect(await apply(deployment({ env, image: 'nginx:latest' }))).toBe('deployment.apps/web configured\n');
    expect(await apply(deployment())).toBe('deployment.apps/web configured\n');
    expect(await lite('get', 'deploy', 'web', '-o', 'jsonpath={.spec.template.spec.containers[0].env}')).toBe(
      '',
    );
    expect(await apply(service)).toBe('service/web created\n');
    expect(await rolledOut()).toContain('deployment "web" successfully rolled out');
  });

  it('gets and describes what the real kubectl shows', async () => {
    const same = [
      ['get', 'deploy,svc', '-o', 'name'],
      ['get', 'pods', '-l', 'app=web', '-o', 'yaml'],
      ['get', 'service', 'web', '-o', 'json'],
      ['get', 'nodes', '-o', 'jsonpath={.items[*].metadata.name}'],
      ['describe', 'service', 'web'],
      ['describe', 'deployment', 'web'],
      ['describe', 'pods'],
      ['describe', 'node', 'host-1'],
    ];
    for (const args of same) {
      await eventually(async () => expect(await lite(...args)).toBe(await cluster.kubectlOut(...args)));
    }
    const wide = await lite('get', 'nodes,pods,deploy,rs,svc,endpointslices', '-A', '-o', 'wide');
    expect(wide).toMatch(/default\s+deployment\.apps\/web\s+2\/2\s+2\s+2/);
    expect(wide).not.toContain('\u001b');
  });

  it('describes every detail of a template, a service and a namespace as kubectl does', async () => {
    await lite('apply', '-f', join(root, 'test/e2e/manifests/described.yaml'));
    for (const what of ['deployment/rich', 'pod/gated', 'services', 'namespace/described']) {
      const args = ['describe', what, '-n', 'described'];
      await eventually(async () => expect(await lite(...args)).toBe(await cluster.kubectlOut(...args)));
    }
  });

  it('watches', async () => {
    await until(['get', 'configmaps', '-w'], 'watched', async () => {
      expect(await lite('create', 'configmap', 'watched', '--from-literal=a=b')).toBe(
        'configmap/watched created\n',
      );
    });
    expect(await lite('delete', 'configmap', 'watched')).toBe(
      'configmap "watched" deleted from default namespace\n',
    );
  });

  it('reads logs: all, followed, the last lines, of the container before', async () => {
    await apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'talker' },
      spec: {
        containers: [
          {
            name: 'main',
            image: 'nginx',
            imagePullPolicy: 'IfNotPresent',
            command: [
              'sh',
              '-c',
              'echo one; echo two; while [ ! -e /tmp/end ]; do sleep 0.1; done; echo three',
            ],
          },
        ],
      },
    });
    await lite('wait', 'pod/talker', '--for=condition=Ready', '--timeout=30s');
    await eventually(async () => expect(await lite('logs', 'talker')).toBe('one\ntwo\n'));
    expect(await lite('logs', 'talker', '--tail=1')).toBe('two\n');
    await until(['logs', '-f', 'talker'], 'three\n', async () => {
      await lite('exec', 'talker', '--', 'touch', '/tmp/end');
    });
    await eventually(
      async () => expect(await lite('logs', '-p', 'talker')).toBe('one\ntwo\nthree\n'),
      30_000,
    );
    expect(await lite('logs', 'deploy/web', '--tail=0')).toBe('');
    const names = (await lite('get', 'pods', '-l', 'app=web', '-o', 'name')).trim().split('\n').sort();
    for (const name of names) await lite('exec', name, '--', 'wget', '-qO', '/dev/null', 'http://127.0.0.1/');
    await eventually(async () => {
      const lines = (await lite('logs', 'deploy/web', '--all-pods', '--tail=1')).trim().split('\n').sort();
      expect(lines.map((line) => /^\[(pod\/[^/]+)\/web\] .*GET/.exec(line)?.[1])).toEqual(names);
    });
    await lite('delete', 'pod', 'talker', '--now');
  });

  it('runs commands: output, standard input, and the exit code', async () => {
    expect(await lite('exec', 'deploy/web', '--', 'echo', 'hello')).toBe('hello\n');
    const cat = await run(['exec', '-i', 'deploy/web', '--', 'cat'], 'through\nstdin\n');
    expect(must(cat, 'exec -i').stdout).toBe('through\nstdin\n');
    const failed = await run(['exec', 'deploy/web', '--', 'sh', '-c', 'echo bad >&2; exit 7']);
    expect(failed).toMatchObject({
      code: 7,
      stdout: '',
      stderr: 'bad\ncommand terminated with exit code 7\n',
    });
  });

  it('runs a shell on a terminal of the right size, and ends when it ends', async () => {
    const line = `stty rows 33 cols 77; ${program} exec -it deploy/web -- sh; echo rc=$?`;
    const child = spawn('script', ['-qec', line, '/dev/null'], {
      cwd: '/',
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig, TERM: 'xterm' },
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    try {
      await eventually(() => expect(output).toContain('# '), 20_000);
      await eventually(() => {
        child.stdin.write('stty size\r');
        expect(output).toContain('33 77');
      }, 10_000);
      child.stdin.write('exit 5\r');
      await eventually(() => expect(output).toContain('rc=5'), 10_000);
    } finally {
      child.kill();
    }
  });

  it('scales, restarts, shows the history of a rollout and undoes it', async () => {
    expect(await lite('scale', 'deploy/web', '--replicas=3')).toBe('deployment.apps/web scaled\n');
    await rolledOut();
    expect(await lite('rollout', 'restart', 'deploy/web')).toBe('deployment.apps/web restarted\n');
    await rolledOut();
    expect(await lite('rollout', 'history', 'deploy/web')).toBe(
      await cluster.kubectlOut('rollout', 'history', 'deploy/web'),
    );
    expect(await lite('rollout', 'undo', 'deploy/web')).toBe('deployment.apps/web rolled back\n');
    await rolledOut();
  });

  it('labels, annotates, cordons, drains and uncordons', async () => {
    expect(await lite('label', 'deploy/web', 'tier=front')).toBe('deployment.apps/web labeled\n');
    expect(await lite('get', 'deploy', '-l', 'tier=front', '-o', 'name')).toBe('deployment.apps/web\n');
    expect(await lite('annotate', 'deploy/web', 'note=x')).toBe('deployment.apps/web annotated\n');
    expect(await lite('cordon', 'host-2')).toBe('node/host-2 cordoned\n');
    expect(await lite('drain', 'host-2', '--ignore-daemonsets', '--timeout=60s')).toContain(
      'node/host-2 drained\n',
    );
    await rolledOut();
    const nodes = await lite('get', 'pods', '-l', 'app=web', '-o', 'jsonpath={.items[*].spec.nodeName}');
    expect(new Set(nodes.split(' '))).toEqual(new Set(['host-1']));
    expect(await lite('uncordon', 'host-2')).toBe('node/host-2 uncordoned\n');
  });

  it('fails with the words and codes of the real kubectl', async () => {
    const bad: readonly (readonly [readonly string[], string?])[] = [
      [['get', 'pod', 'nobody']],
      [['get', 'gizmos']],
      [['delete', 'deployment', 'nobody']],
      [['logs', 'nobody']],
      [['exec', 'nobody', '--', 'true']],
      [['exec', 'deploy/web']],
      [['scale', 'deploy/web', '--replicas=-1']],
      [['label', 'deploy/web', 'tier=back']],
      [['rollout', 'undo', 'deploy/web', '--to-revision=99']],
      [['wait', 'deploy/web', '--for=delete', '--timeout=1s']],
      [['apply', '--validate=false', '-f', '/does/not/exist']],
      [
        ['create', '--validate=false', '-f', '-'],
        '{"apiVersion":"v1","kind":"Gizmo","metadata":{"name":"x"}}',
      ],
      [
        ['create', '--validate=false', '-f', '-'],
        '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"Bad_Name"}}',
      ],
    ];
    for (const [args, input] of bad) {
      const [ours, theirs] = await Promise.all([run(args, input), cluster.kubectl(args, input)]);
      const plain = { ...ours, stderr: ours.stderr.replaceAll('kubectl-lite', 'kubectl') };
      const sorted = (text: string): string[] => text.split('\n').sort();
      expect({ ...plain, stderr: sorted(plain.stderr) }, args.join(' ')).toEqual({
        ...theirs,
        stderr: sorted(theirs.stderr),
      });
    }
  });

  it('tells about the cluster, and deletes', async () => {
    expect(await lite('cluster-info')).toContain('https://127.0.0.1:16452');
    expect(await lite('version')).toMatch(/Server Version: v1\.36/);
    expect(await lite('delete', 'deploy/web', 'svc/web')).toBe(
      'deployment.apps "web" deleted from default namespace\nservice "web" deleted from default namespace\n',
    );
    await eventually(async () => expect(await lite('get', 'pods', '-o', 'name')).toBe(''), 60_000);
  });
});
