import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2ekctl', port: 16_449 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '2', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

interface Container {
  readonly name: string;
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}
interface Deployment {
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly spec: { readonly containers: readonly Container[] } };
  };
}

/** A nginx that is told to end while it begins does not hear it, and is killed when its grace period is over. */
const readinessProbe = { tcpSocket: { port: 80 }, periodSeconds: 1 };

const manifest = (container: Partial<Container>): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: 2,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [
            { name: 'web', image: 'nginx', imagePullPolicy: 'IfNotPresent', readinessProbe, ...container },
          ],
        },
      },
    },
  });

const apply = async (text: string): Promise<string> =>
  must(await cluster.kubectl(['apply', '--validate=false', '-f', '-'], text), 'kubectl apply').stdout.trim();
const container = async (): Promise<Container | undefined> =>
  (await cluster.objects<Deployment>('deployment/web'))[0]?.spec.template.spec.containers[0];
const rolledOut = (): Promise<string> =>
  cluster.kubectlOut('rollout', 'status', 'deployment/web', '--timeout=60s');

describe('the real kubectl', () => {
  it('applies, applies a change, and applies the removal of a field', async () => {
    expect(await apply(manifest({ env: [{ name: 'A', value: '1' }] }))).toBe('deployment.apps/web created');
    expect(await rolledOut()).toContain('deployment "web" successfully rolled out');
    expect(await apply(manifest({ env: [{ name: 'A', value: '1' }] }))).toBe('deployment.apps/web unchanged');
    expect(
      await apply(
        manifest({
          image: 'nginx:latest',
          env: [
            { name: 'A', value: '2' },
            { name: 'B', value: '3' },
          ],
        }),
      ),
    ).toBe('deployment.apps/web configured');
    expect(await container()).toMatchObject({
      image: 'nginx:latest',
      env: [
        { name: 'A', value: '2' },
        { name: 'B', value: '3' },
      ],
    });
    expect(await apply(manifest({ image: 'nginx:latest' }))).toBe('deployment.apps/web configured');
    expect(await container()).not.toHaveProperty('env');
    expect(await rolledOut()).toContain('successfully rolled out');
  });

  it('shows everything, wide', async () => {
    const wide = await cluster.kubectlOut(
      'get',
      'nodes,pods,deploy,rs,svc,endpointslices',
      '-A',
      '-o',
      'wide',
    );
    expect(wide).toMatch(/NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\s+INTERNAL-IP/);
    expect(wide).toMatch(/node\/host-1\s+Ready/);
    expect(wide).toMatch(/NAMESPACE\s+NAME\s+READY\s+STATUS\s+RESTARTS\s+AGE\s+IP\s+NODE/);
    expect(wide).toMatch(/default\s+deployment\.apps\/web\s+2\/2\s+2\s+2/);
    expect(wide).toMatch(/default\s+service\/kubernetes\s+ClusterIP\s+10\.96\.0\.1\s+<none>\s+443\/TCP/);
  });

  it('reads logs, of all and the last lines', async () => {
    const [pod = ''] = (await cluster.kubectlOut('get', 'pods', '-l', 'app=web', '-o', 'name'))
      .trim()
      .split('\n');
    await cluster.kubectlOut('exec', pod, '--', 'wget', '-q', '-O', '/dev/null', 'http://127.0.0.1/');
    await eventually(async () => expect(await cluster.kubectlOut('logs', pod)).toContain('GET / HTTP/1.1'));
    expect((await cluster.kubectlOut('logs', pod, '--tail=1')).trim().split('\n')).toHaveLength(1);
    expect(await cluster.kubectlOut('logs', 'deployment/web', '--timestamps', '--tail=1')).toMatch(
      /^\d{4}-\d\d-\d\dT/m,
    );
  });

  it('runs commands: output, standard input, and the exit code', async () => {
    expect(await cluster.kubectlOut('exec', 'deployment/web', '--', 'echo', 'hello')).toBe('hello\n');
    expect(
      must(
        await cluster.kubectl(['exec', '-i', 'deployment/web', '--', 'cat'], 'through\nstdin\n'),
        'exec -i',
      ).stdout,
    ).toBe('through\nstdin\n');
    const failed = await cluster.kubectl([
      'exec',
      'deployment/web',
      '--',
      'sh',
      '-c',
      'echo bad >&2; exit 7',
    ]);
    expect(failed.code).toBe(7);
    expect(failed.stderr).toContain('bad');
  });

  it('scales, restarts and undoes a rollout', async () => {
    await cluster.kubectlOut('scale', 'deployment/web', '--replicas=3');
    await rolledOut();
    // One of the rollout before may still be on its way out.
    const staying = (await cluster.objects<Pod>('pods', '-l', 'app=web')).filter(
      ({ metadata }) => metadata.deletionTimestamp === undefined,
    );
    expect(staying).toHaveLength(3);
    await cluster.kubectlOut('rollout', 'restart', 'deployment/web');
    await rolledOut();
    await cluster.kubectlOut('set', 'env', 'deployment/web', 'C=9');
    await rolledOut();
    expect((await container())?.env).toEqual([{ name: 'C', value: '9' }]);
    await cluster.kubectlOut('rollout', 'undo', 'deployment/web');
    await rolledOut();
    expect((await container())?.env ?? []).toEqual([]);
    expect(
      (await cluster.kubectlOut('rollout', 'history', 'deployment/web')).trim().split('\n').length,
    ).toBeGreaterThan(3);
  });

  it('labels, annotates, describes, cordons and drains', async () => {
    await cluster.kubectlOut('label', 'deployment/web', 'tier=front');
    expect(await cluster.kubectlOut('get', 'deployments', '-l', 'tier=front', '-o', 'name')).toBe(
      'deployment.apps/web\n',
    );
    await cluster.kubectlOut('annotate', 'deployment/web', 'note=x');
    const described = await cluster.kubectlOut('describe', 'deployment', 'web');
    expect(described).toContain('NewReplicaSetAvailable');
    expect(described).toMatch(/ScalingReplicaSet/);
    await cluster.kubectlOut(
      'drain',
      'host-2',
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--timeout=60s',
    );
    await rolledOut();
    const nodes = await cluster.kubectlOut(
      'get',
      'pods',
      '-l',
      'app=web',
      '-o',
      'jsonpath={.items[*].spec.nodeName}',
    );
    expect(new Set(nodes.split(' '))).toEqual(new Set(['host-1']));
    expect(await cluster.kubectlOut('get', 'node', 'host-2')).toContain('Ready,SchedulingDisabled');
    await cluster.kubectlOut('uncordon', 'host-2');
  });

  it('deletes, and what belonged to it goes too', async () => {
    await cluster.kubectlOut('delete', 'deployment', 'web', '--timeout=60s');
    await eventually(
      async () => expect(await cluster.objects('pods,replicasets', '-l', 'app=web')).toEqual([]),
      60_000,
    );
  });

  it('deletes a namespace with all that is in it', async () => {
    await cluster.kubectlOut('create', 'namespace', 'short');
    await cluster.kubectlOut('create', 'configmap', 'c', '-n', 'short', '--from-literal=a=b');
    await cluster.kubectlOut('delete', 'namespace', 'short', '--timeout=60s');
    expect((await cluster.kubectl(['get', 'namespace', 'short'])).stderr).toContain(
      'namespaces "short" not found',
    );
  });
});
