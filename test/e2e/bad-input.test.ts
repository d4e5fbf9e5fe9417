import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2ebad', port: 16_447 });

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const deployment = (spec: object, metadata: object = { name: 'bad' }): string =>
  JSON.stringify({ apiVersion: 'apps/v1', kind: 'Deployment', metadata, spec });
const template = {
  metadata: { labels: { app: 'bad' } },
  spec: { containers: [{ name: 'c', image: 'nginx' }] },
};
const selector = { matchLabels: { app: 'bad' } };

describe('a bad manifest', () => {
  it.each([
    ['is not YAML', 'a: b: c: [', /error parsing|error converting YAML|mapping values/],
    [
      'has an unknown kind',
      '{"apiVersion":"v1","kind":"Frobnicator","metadata":{"name":"x"}}',
      /no matches for kind "Frobnicator" in version "v1"/,
    ],
    [
      'has a bad name',
      deployment({ selector, template }, { name: 'Bad_Name' }),
      /metadata\.name: Invalid value: "Bad_Name"/,
    ],
    ['lacks its selector', deployment({ template }), /spec\.selector: Required value/],
    [
      'has a selector that does not match its template',
      deployment({ selector: { matchLabels: { app: 'other' } }, template }),
      /spec\.template\.metadata\.labels: Invalid value.*`selector` does not match template `labels`/,
    ],
    [
      'has no container',
      deployment({ selector, template: { ...template, spec: { containers: [] } } }),
      /spec\.template\.spec\.containers: Required value/,
    ],
    [
      'has a negative number of replicas',
      deployment({ replicas: -1, selector, template }),
      /spec\.replicas: Invalid value: -1/,
    ],
    [
      'has text where a number belongs',
      deployment({ replicas: 'three', selector, template }),
      /cannot unmarshal string into Go struct field DeploymentSpec\.spec\.replicas of type int32|expected type int32|cannot be handled as a Deployment/,
    ],
  ])('that %s is refused, naming the field, and leaves nothing behind', async (_, manifest, message) => {
    const answer = await cluster.kubectl(['apply', '--validate=false', '-f', '-'], manifest);
    expect(answer.code).toBe(1);
    expect(answer.stderr).toMatch(message);
    expect(await cluster.objects('deployments', '-A')).toEqual([]);
  });
});

describe('what nothing in the cluster acts upon', () => {
  it('is stored, with a warning that names it', async () => {
    const backend = { service: { name: 'web', port: { number: 80 } } };
    const ingress = {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'idle' } },
      spec: { defaultBackend: backend },
    };
    const stored = must(await cluster.kubectl(['apply', '-f', '-'], JSON.stringify(ingress)), 'apply');
    expect(stored.stdout).toBe('ingress.networking.k8s.io/idle created\n');
    expect(stored.stderr).toContain('Warning: Ingress: stored, but not carried out by this cluster');
    await cluster.kubectlOut('delete', 'ingress', 'idle');
  });
});

describe('a pod that cannot run', () => {
  it('says that its image does not exist', async () => {
    // Of a registry that refuses at once: that names resolve nowhere takes the resolver twenty seconds.
    const image = '127.0.0.1:1/no-such-image:v9';
    await cluster.kubectlOut('run', 'noimage', `--image=${image}`, '--image-pull-policy=IfNotPresent');
    await eventually(async () => {
      const [pod] = await cluster.objects<{
        status: { containerStatuses?: { state: { waiting?: { reason: string } } }[] };
      }>('pod/noimage');
      expect(pod?.status.containerStatuses?.[0]?.state.waiting?.reason).toMatch(
        /^(?:ErrImagePull|ImagePullBackOff)$/,
      );
    }, 60_000);
    await cluster.kubectlOut('delete', 'pod', 'noimage', '--wait=true', '--timeout=30s');
  });

  it('says why no node takes it', async () => {
    await cluster.kubectlOut(
      'run',
      'huge',
      '--image=nginx',
      '--overrides={"spec":{"containers":[{"name":"huge","image":"nginx","resources":{"requests":{"cpu":"1000"}}}]}}',
    );
    await eventually(async () => {
      expect(await cluster.kubectlOut('describe', 'pod', 'huge')).toMatch(
        /FailedScheduling.*0\/1 nodes are available: 1 Insufficient cpu/,
      );
    });
    await cluster.kubectlOut('delete', 'pod', 'huge', '--wait=true', '--timeout=30s');
  });
});

describe('deploy/up', () => {
  it('names the owner of a port in use', async () => {
    const second = new TestCluster({ name: 'e2ebad2', port: 16_447 });
    const refused = await second.up('--only', 'etcd,apiserver');
    await second.down();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/port 16447 is in use by \S+ \(pid \d+\)/);
  });
});
