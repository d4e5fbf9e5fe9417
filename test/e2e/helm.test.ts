import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../tidy/source-files.ts';
import { type CommandResult, must, runToEnd, TestCluster } from './cluster.ts';
import { realClient } from './real-clients.ts';

const cluster = new TestCluster({ name: 'e2ehelm', port: 17_951 });
const chart = `${root}/test/e2e/charts/web`;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '1', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const kubectl = (...args: string[]): Promise<string> => cluster.kubectlOut(...args);
/** The real Helm, whatever its exit status. */
const runHelm = (...args: string[]): Promise<CommandResult> =>
  runToEnd(realClient('helm'), args, { environment: { KUBECONFIG: cluster.kubeconfig } });
const helm = async (...args: string[]): Promise<string> =>
  must(await runHelm(...args), `helm ${args.join(' ')}`).stdout;

interface Revision {
  readonly revision: number;
  readonly status: string;
  readonly description: string;
}
const revisions = async (release: string): Promise<string[]> => {
  const history = JSON.parse(await helm('history', release, '-o', 'json')) as Revision[];
  return history.map(({ revision, status }) => `${revision} ${status}`);
};
const jobs = async (): Promise<string[]> => (await kubectl('get', 'jobs', '-o', 'name')).trim().split('\n');
const greeting = (): Promise<string> =>
  kubectl('exec', 'deploy/site', '--', 'sh', '-c', 'echo $GREETING $PASSWORD; cat /etc/web/GREETING');

/** What the chart makes besides its hooks. */
const made = [
  ...['configmap/site', 'deployment.apps/site', 'horizontalpodautoscaler.autoscaling/site'],
  ...['ingress.networking.k8s.io/site', 'poddisruptionbudget.policy/site'],
  ...['role.rbac.authorization.k8s.io/site', 'rolebinding.rbac.authorization.k8s.io/site'],
  ...['secret/site', 'service/site', 'serviceaccount/site'],
];
const ofChart = async (): Promise<string[]> => {
  const kinds = 'cm,secret,sa,svc,deploy,hpa,ingress,pdb,role,rolebinding';
  const label = 'app.kubernetes.io/managed-by=Helm,app.kubernetes.io/instance=site';
  const out = await kubectl('get', kinds, '-l', label, '-o', 'name');
  return out
    .split('\n')
    .filter((line) => line !== '')
    .sort();
};

describe('the real Helm', () => {
  it('renders, and asks the server what an installation would be', async () => {
    const rendered = await helm('template', 'site', chart);
    expect(rendered.match(/^kind: /gm)).toHaveLength(14);
    expect(await helm('install', 'site', chart, '--dry-run=server')).toContain('STATUS: pending-install');
    expect(await ofChart()).toEqual([]);
  });

  it('installs a chart and waits for it, its hooks before and after', async () => {
    expect(await helm('install', 'site', chart, '--wait', '--timeout', '60s')).toContain('STATUS: deployed');
    expect(await ofChart()).toEqual([...made].sort());
    expect(await kubectl('get', 'deploy', 'site', '--no-headers')).toMatch(/^site\s+2\/2\s+2\s+2/);
    expect(await greeting()).toBe('hello secret\nhello');
    // The one after succeeded and is deleted for it; the one before stays until the next.
    expect(await jobs()).toEqual(['job.batch/site-pre-install']);
    expect(await kubectl('logs', 'job/site-pre-install')).toBe('pre-install\n');
    const list = JSON.parse(await helm('list', '-o', 'json')) as object[];
    expect(list).toMatchObject([{ name: 'site', revision: '1', status: 'deployed', chart: 'web-0.1.0' }]);
    expect(await helm('status', 'site')).toMatch(/==> v1\/Deployment\n.*\nsite\s+2\/2/);
    expect(await helm('get', 'notes', 'site')).toContain('site says hello, revision 1.');
  });

  it('does not install what is there', async () => {
    const again = await runHelm('install', 'site', chart);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('cannot reuse a name that is still in use');
    const other = await runHelm(
      'install',
      'other',
      chart,
      '--set',
      'replicas=0',
      '--no-hooks',
      '-n',
      'nowhere',
    );
    expect(other.stderr).toContain('namespaces "nowhere" not found');
  });

  it('tests a release by its pods', async () => {
    const tested = await helm('test', 'site', '--logs', '--timeout', '60s');
    expect(tested).toMatch(/Phase:\s+Succeeded/);
    expect(tested).toContain('it answers');
  });

  it('upgrades, shows what was set, and rolls back', async () => {
    await helm('upgrade', 'site', chart, '--set', 'greeting=bonjour', '--wait', '--timeout', '60s');
    expect(await greeting()).toBe('bonjour secret\nbonjour');
    expect(await helm('get', 'values', 'site')).toContain('greeting: bonjour');
    expect(await kubectl('logs', 'job/site-post-upgrade')).toBe('post-upgrade\n');
    await helm('rollback', 'site', '1', '--wait', '--timeout', '60s');
    expect(await greeting()).toBe('hello secret\nhello');
    expect(await revisions('site')).toEqual(['1 superseded', '2 superseded', '3 deployed']);
  });

  it('says what failed: a hook, and pods that do not come up, which it takes back', async () => {
    const hook = await runHelm('upgrade', 'site', chart, '--set', 'failingHook=post-upgrade', '--wait');
    expect(hook.code).toBe(1);
    expect(hook.stderr).toContain('site-post-upgrade not ready. status: Failed, message: Job Failed');
    const image = ['--set', 'image=nope', '--wait', '--timeout', '3s', '--rollback-on-failure'];
    const pods = await runHelm('upgrade', 'site', chart, ...image);
    expect(pods.code).toBe(1);
    expect(pods.stderr).toContain('has been rolled back due to rollback-on-failure being set');
    expect((await revisions('site')).slice(2)).toEqual([
      ...['3 superseded', '4 failed', '5 failed', '6 deployed'],
    ]);
    expect(await greeting()).toBe('hello secret\nhello');
  });

  it('uninstalls everything that it made', async () => {
    expect(await helm('uninstall', 'site', '--wait', '--timeout', '60s')).toBe(
      'release "site" uninstalled\n',
    );
    expect(await ofChart()).toEqual([]);
    expect(await kubectl('get', 'pods', '-l', 'app.kubernetes.io/name=web,pod-template-hash')).toBe('');
    expect(await kubectl('get', 'secrets', '-l', 'owner=helm', '-o', 'name')).toBe('');
    expect((await runHelm('uninstall', 'site')).stderr).toContain('release: not found');
  });
});
