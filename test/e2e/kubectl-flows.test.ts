import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { type CommandResult, must, runToEnd, TestCluster } from './cluster.ts';
import { realClient } from './real-clients.ts';

const cluster = new TestCluster({ name: 'e2eflows', port: 17_952 });
const directory = mkdtempSync(join(tmpdir(), 'coracle-flows-'));

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  must(await cluster.down(), 'deploy/down');
});

const run = (...args: string[]): Promise<string> => cluster.kubectlOut(...args);
const failure = async (...args: string[]): Promise<string> => {
  const result = await cluster.kubectl(args);
  expect(result.code).toBe(1);
  return result.stderr.trim();
};
const file = (name: string, content: string): string => {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
};
const deployment = (value: string): string =>
  JSON.stringify({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'app' },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'app' } },
      template: {
        metadata: { labels: { app: 'app' } },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [
            {
              ...{ name: 'app', image: 'nginx', imagePullPolicy: 'IfNotPresent' },
              env: [{ name: 'A', value }],
            },
          ],
        },
      },
    },
  });
const jsonpath = (what: string, path: string): Promise<string> =>
  run('get', ...what.split(' '), '-o', `jsonpath=${path}`);
const rolledOut = (name: string): Promise<string> =>
  run('rollout', 'status', `deploy/${name}`, '--timeout=60s');

/** kubectl edit with an editor that applies a sed expression. */
function edit(expression: string, ...args: string[]): Promise<CommandResult> {
  const editor = file('editor', `#!/bin/sh\nsed -i '${expression}' "$1"\n`);
  chmodSync(editor, 0o755);
  const environment = { KUBECONFIG: cluster.kubeconfig, EDITOR: editor };
  return runToEnd(realClient('kubectl'), ['edit', ...args], { environment });
}

interface Watched {
  text(): string;
  end(): Promise<void>;
}
/** kubectl get --watch, as lines of what happened to which object. */
function watch(...what: string[]): Watched {
  const args = ['get', ...what, '--watch', '--output-watch-events'];
  const lines = 'jsonpath={.type} {.object.metadata.name}{"\\n"}';
  const env = { ...process.env, KUBECONFIG: cluster.kubeconfig };
  const child = spawn(realClient('kubectl'), [...args, '-o', lines], { env });
  const ended = once(child, 'exit');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return {
    text: () => text,
    async end() {
      child.kill();
      await ended;
    },
  };
}

describe('what is written', () => {
  it('is applied by the client, compared, and taken over by the server', async () => {
    const [first, second] = [file('1.json', deployment('1')), file('2.json', deployment('2'))];
    expect(await run('apply', '-f', first)).toBe('deployment.apps/app created\n');
    await rolledOut('app');
    expect(await jsonpath('deploy app', '{.metadata.generation}')).toBe('1');
    expect(await run('diff', '-f', first)).toBe('');
    const changed = await cluster.kubectl(['diff', '-f', second]);
    expect(changed.code).toBe(1);
    expect(changed.stdout).toMatch(/^-\s+value: "1"\n\+\s+value: "2"/m);
    expect(await failure('apply', '--server-side', '-f', second)).toContain(
      'conflict with "kubectl-client-side-apply" using apps/v1: .spec.template.spec.containers[name="app"].env[name="A"].value',
    );
    const forced = ['apply', '--server-side', '--force-conflicts', '-f', second];
    expect(await run(...forced)).toBe('deployment.apps/app serverside-applied\n');
    const managers = await jsonpath(
      'deploy app --show-managed-fields',
      '{.metadata.managedFields[*].manager}',
    );
    expect(managers.split(' ')).toContain('kubectl');
    expect(await run('apply', 'view-last-applied', 'deploy/app')).toContain('value: "1"');
  });

  it('is edited, and what is wrong comes back to the editor', async () => {
    const edited = await edit('s/revisionHistoryLimit: 10/revisionHistoryLimit: 5/', 'deploy/app');
    expect(must(edited, 'edit').stdout).toBe('deployment.apps/app edited\n');
    expect((await edit('s/x/x/', 'deploy/app')).stderr).toContain('Edit cancelled, no changes made.');
    const bad = await edit('s/replicas: 1$/replicas: -1/', 'deploy/app');
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('error: deployments.apps "app" is invalid');
    expect(await jsonpath('deploy app', '{.spec.revisionHistoryLimit} {.spec.replicas}')).toBe('5 1');
  });

  it('is patched in every way', async () => {
    const patch = (type: string, body: unknown, ...more: string[]): Promise<string> =>
      run('patch', 'deploy', 'app', '--type', type, '-p', JSON.stringify(body), ...more);
    const env = [{ name: 'B', value: 'x' }];
    await patch('strategic', { spec: { template: { spec: { containers: [{ name: 'app', env }] } } } });
    expect(await jsonpath('deploy app', '{..env[*].name}')).toBe('B A');
    await patch('merge', { metadata: { labels: { tier: 'front' } } });
    const paused = [{ op: 'add', path: '/spec/paused', value: true }];
    expect(await patch('json', paused)).toBe('deployment.apps/app patched\n');
    await patch('json', [{ op: 'remove', path: '/spec/paused' }]);
    const scaled = await patch('merge', { spec: { replicas: 2 } }, '--subresource=scale');
    expect(scaled).toBe('scale.autoscaling/app patched\n');
    expect(await jsonpath('deploy app', '{.metadata.labels.tier} {.spec.replicas}')).toBe('front 2');
    const test = JSON.stringify([{ op: 'test', path: '/spec/replicas', value: 7 }]);
    expect(await failure('patch', 'deploy', 'app', '--type=json', '-p', test)).toBe(
      'The request is invalid: the server rejected our request due to an error in our request',
    );
  });

  it('is replaced, also by force', async () => {
    // kubectl replaces what it has just read: whoever writes the status in between makes it a conflict.
    await rolledOut('app');
    await run('wait', '--for=jsonpath={.status.terminatingReplicas}=0', 'deploy/app', '--timeout=30s');
    expect(await run('replace', '-f', file('1.json', deployment('1')))).toBe(
      'deployment.apps/app replaced\n',
    );
    const uid = await jsonpath('deploy app', '{.metadata.uid}');
    expect(await run('replace', '--force', '-f', file('2.json', deployment('2')))).toContain('replaced');
    expect(await jsonpath('deploy app', '{.metadata.uid}')).not.toBe(uid);
    await rolledOut('app');
  });

  it('is labelled and annotated, with what was there kept unless told', async () => {
    await run('label', 'deploy', 'app', 'x=1');
    expect(await failure('label', 'deploy', 'app', 'x=2')).toContain(
      "'x' already has a value (1), and --overwrite is false",
    );
    await run('label', 'deploy', 'app', 'x=2', '--overwrite');
    await run('annotate', 'deploy', 'app', 'note=hello there');
    expect(await jsonpath('deploy app', '{.metadata.labels.x} {.metadata.annotations.note}')).toBe(
      '2 hello there',
    );
    expect(await run('label', 'deploy', 'app', 'x-')).toBe('deployment.apps/app unlabeled\n');
    expect(await failure('label', 'deploy', 'app', 'bad key=1')).toContain(
      'is invalid: metadata.labels: Invalid value: "bad key": name part must consist of alphanumeric characters',
    );
  });
});

describe('a rollout', () => {
  it('has a history with causes and is undone to a revision', async () => {
    await run('set', 'image', 'deploy/app', 'app=nginx:latest');
    await run('annotate', 'deploy/app', 'kubernetes.io/change-cause=newer');
    await rolledOut('app');
    expect(await run('rollout', 'history', 'deploy/app')).toMatch(/1\s+<none>\n2\s+newer\n/);
    expect(await run('rollout', 'history', 'deploy/app', '--revision=2')).toMatch(/Image:\s+nginx:latest/);
    expect(await run('rollout', 'undo', 'deploy/app', '--to-revision=1')).toBe(
      'deployment.apps/app rolled back\n',
    );
    await rolledOut('app');
    expect(await jsonpath('deploy app', '{..image}')).toBe('nginx');
    expect(await failure('rollout', 'undo', 'deploy/app', '--to-revision=9')).toBe(
      'error: unable to find specified revision 9 in history',
    );
  });

  it('collects changes while it is paused', async () => {
    const replicaSets = async (): Promise<number> => (await cluster.objects('rs', '-l', 'app=app')).length;
    const before = await replicaSets();
    await run('rollout', 'pause', 'deploy/app');
    expect(await failure('rollout', 'pause', 'deploy/app')).toContain('is already paused');
    expect(await failure('rollout', 'restart', 'deploy/app')).toContain("can't restart paused deployment");
    await run('set', 'env', 'deploy/app', 'X=1', 'Y=2', 'A-');
    await run('set', 'resources', 'deploy/app', '--limits=memory=64Mi', '--requests=cpu=10m');
    await run('create', 'serviceaccount', 'robot');
    await run('set', 'serviceaccount', 'deploy/app', 'robot');
    expect(await run('set', 'env', 'deploy/app', '--list')).toBe(
      '# Deployment app, container app\nX=1\nY=2\n',
    );
    expect(await failure('rollout', 'status', 'deploy/app', '--timeout=1s')).toContain(
      'timed out waiting for the condition',
    );
    expect(await replicaSets()).toBe(before);
    await run('rollout', 'resume', 'deploy/app');
    await rolledOut('app');
    expect(await replicaSets()).toBe(before + 1);
    const pod = 'pods -l app=app --field-selector=status.phase=Running';
    expect(await jsonpath(pod, '{.items[0].spec.serviceAccountName}')).toBe('robot');
  });
});

describe('pods and services', () => {
  it('are run, waited for, exposed and selected', async () => {
    await run('run', 'one', '--image=nginx', '--image-pull-policy=IfNotPresent', '--port=80', '--labels=a=b');
    await run('wait', '--for=condition=Ready', 'pod/one', '--timeout=30s');
    expect(await run('wait', '--for=jsonpath={.status.phase}=Running', 'pod/one')).toBe(
      'pod/one condition met\n',
    );
    expect(await run('expose', 'pod', 'one', '--name=front', '--type=NodePort')).toBe(
      'service/front exposed\n',
    );
    await eventually(async () =>
      expect(await run('describe', 'svc', 'front')).toMatch(/Endpoints:\s+10\.\d+\.\d+\.\d+:80\n/),
    );
    await run('set', 'selector', 'svc/front', 'app=app');
    expect(await jsonpath('svc front', '{.spec.selector}')).toBe('{"app":"app"}');
    expect(await run('get', 'pods', '-L', 'a', '--no-headers', 'one')).toMatch(
      /^one\s+1\/1\s+Running\s+0\s+\d+s\s+b/,
    );
  });

  it('give what a command wrote, and its exit status', async () => {
    const once = ['run', 'box', '--image=nginx', '--image-pull-policy=IfNotPresent'];
    const box = await cluster.kubectl([
      ...once,
      '--rm',
      '-i',
      '--restart=Never',
      '--',
      'sh',
      '-c',
      'echo hi; exit 3',
    ]);
    expect(box.code).toBe(3);
    expect(box.stdout).toContain('hi\n');
    expect(await failure('get', 'pod', 'box')).toBe('Error from server (NotFound): pods "box" not found');
  });

  it('are watched until they are gone, and their events stay', async () => {
    const seen = watch('pod', 'one');
    try {
      await eventually(() => expect(seen.text()).toBe('ADDED one\n'));
      await run('delete', 'pod', 'one', '--timeout=30s');
      await eventually(() => expect(seen.text()).toMatch(/^ADDED one\n(MODIFIED one\n)+DELETED one\n$/));
    } finally {
      await seen.end();
    }
    const events = await run('events', '--for', 'pod/one');
    for (const reason of ['Scheduled', 'Pulled', 'Created', 'Started', 'Killing'])
      expect(events).toMatch(new RegExp(`Normal\\s+${reason}\\s+Pod/one`));
  });
});

describe('a node', () => {
  it('is tainted, cordoned and asked for its use', async () => {
    expect(await run('taint', 'node', 'host-1', 'a=b:NoSchedule')).toBe('node/host-1 tainted\n');
    expect(await failure('taint', 'node', 'host-1', 'a=b:NoSchedule')).toContain('already has a taint(s)');
    expect(await run('describe', 'node', 'host-1')).toMatch(/Taints:\s+a=b:NoSchedule/);
    await run('taint', 'node', 'host-1', 'a:NoSchedule-');
    expect(await run('cordon', 'host-1')).toBe('node/host-1 cordoned\n');
    expect(await run('get', 'nodes', '--no-headers')).toMatch(/Ready,SchedulingDisabled/);
    expect(await run('cordon', 'host-1')).toBe('node/host-1 already cordoned\n');
    await run('uncordon', 'host-1');
    expect(await failure('top', 'pod', 'nope')).toContain('NotFound');
  });
});

describe('access', () => {
  it('is granted, listed, and used with a token', async () => {
    await run('create', 'role', 'reader', '--verb=get,list', '--resource=pods');
    await run('create', 'rolebinding', 'readers', '--role=reader', '--user=bob');
    const robot = 'system:serviceaccount:default:robot';
    expect(await failure('auth', 'can-i', 'list', 'pods', `--as=${robot}`)).toBe('');
    await run('set', 'subject', 'rolebinding', 'readers', '--serviceaccount=default:robot');
    expect(await run('auth', 'can-i', '--list', `--as=${robot}`)).toMatch(
      /^pods\s+\[\]\s+\[\]\s+\[get list\]/m,
    );
    const token = (await run('create', 'token', 'robot', '--duration=10m')).trim();
    // A kubeconfig without a certificate: the token alone must say who it is.
    const config = join(directory, 'robot.kubeconfig');
    const admin = await run('config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster.server}');
    const authority = await run(
      ...['config', 'view', '--raw', '-o', 'jsonpath={.clusters[0].cluster.certificate-authority-data}'],
    );
    const cluster0 = { server: admin, 'certificate-authority-data': authority };
    writeFileSync(
      config,
      JSON.stringify({
        ...{ apiVersion: 'v1', kind: 'Config', 'current-context': 'r' },
        clusters: [{ name: 'r', cluster: cluster0 }],
        users: [{ name: 'r', user: { token } }],
        contexts: [{ name: 'r', context: { cluster: 'r', user: 'r' } }],
      }),
    );
    const asRobot = (...args: string[]): Promise<CommandResult> =>
      runToEnd(realClient('kubectl'), [`--kubeconfig=${config}`, ...args]);
    expect(must(await asRobot('auth', 'whoami'), 'whoami').stdout).toContain(robot);
    must(await asRobot('get', 'pods'), 'get pods');
    expect((await asRobot('get', 'secrets')).stderr).toBe(
      `Error from server (Forbidden): secrets is forbidden: User "${robot}" cannot list resource "secrets" in API group "" in the namespace "default"\n`,
    );
  });

  it('comes with a certificate that is asked for and approved, or denied', async () => {
    const key = join(directory, 'amy.key');
    const request = must(
      await runToEnd('openssl', [
        ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-keyout', key, '-subj', '/CN=amy/O=dev'],
      ]),
      'openssl',
    ).stdout;
    const signing = (name: string): string =>
      JSON.stringify({
        ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name } },
        spec: {
          request: Buffer.from(request).toString('base64'),
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth'],
        },
      });
    await run('create', '-f', file('amy.json', signing('amy')), '-f', file('eve.json', signing('eve')));
    await run('certificate', 'approve', 'amy');
    await run('certificate', 'deny', 'eve');
    expect(await failure('certificate', 'approve', 'eve')).toContain('is already Denied');
    await eventually(async () => {
      expect(await run('get', 'csr', '--no-headers')).toMatch(/^amy .*Approved,Issued\n(.*\n)*eve .*Denied/m);
    });
    const certificate = file('amy.crt', '');
    writeFileSync(certificate, Buffer.from(await jsonpath('csr amy', '{.status.certificate}'), 'base64'));
    const asAmy = ['auth', 'whoami', `--client-certificate=${certificate}`, `--client-key=${key}`];
    expect(await run(...asAmy)).toMatch(/Username\s+amy\nGroups\s+\[dev system:authenticated\]/);
  });
});

describe('every kind', () => {
  it('is listed by the server, can be got and described', async () => {
    const kinds = (await run('api-resources', '--verbs=list', '-o', 'name')).trim().split('\n');
    expect(kinds.length).toBeGreaterThan(45);
    expect((await run('api-versions')).split('\n')).toContain('apps/v1');
    const silent: string[] = [];
    for (const kind of kinds.filter((name) => name !== 'componentstatuses')) {
      const described = await cluster.kubectl(['describe', kind, '-A']);
      if (described.code !== 0) silent.push(`${kind}: ${described.stderr}`);
    }
    expect(silent).toEqual([]);
    must(
      await cluster.kubectl(['get', kinds.filter((name) => name !== 'componentstatuses').join(','), '-A']),
      'get',
    );
  });

  it('has its columns, also the seldom seen', async () => {
    expect(await run('get', 'flowschemas', 'catch-all')).toMatch(
      /^NAME\s+PRIORITYLEVEL\s+MATCHINGPRECEDENCE\s+DISTINGUISHERMETHOD\s+AGE\s+MISSINGPL\ncatch-all\s+catch-all\s+10000\s+ByUser\s+/,
    );
    expect(await run('get', 'ipaddresses')).toMatch(/^10\.96\.0\.1\s+services\/default\/kubernetes\s/m);
    expect(await run('get', 'servicecidrs')).toMatch(/^kubernetes\s+10\.96\.0\.0\/12\s/m);
  });

  it('of a List is created, described and deleted, one by one or all together', async () => {
    const items = [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, data: { a: 'b' } },
      { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'x' }, spec: { limits: [] } },
      { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'x' } },
      { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'x' }, value: 7 },
      { apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'x' }, handler: 'crun' },
    ];
    const list = file('list.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }));
    const created = await run('create', '-f', list);
    expect(created.trim().split('\n')).toHaveLength(items.length);
    expect((await run('describe', '-f', list)).match(/^Name:\s+x$/gm)).toHaveLength(items.length);
    expect((await run('delete', '-f', list, '--timeout=20s')).match(/"x" deleted/g)).toHaveLength(
      items.length,
    );
    const typo = { ...items[0], dota: {} };
    const wrong = file('list.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [typo] }));
    expect(await failure('create', '-f', wrong)).toContain('unknown field "dota"');
  });

  it('in the category all goes at once', async () => {
    await run('delete', 'deploy,svc', '-l', 'app!=x,component!=apiserver', '--timeout=30s');
    await eventually(async () => expect(await cluster.objects('pods,rs,deploy')).toEqual([]), 30_000);
  });
});
