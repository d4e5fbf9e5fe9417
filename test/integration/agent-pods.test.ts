import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerStatus, Pod } from '../../api/generated/core-v1.ts';
import { events, nodes, pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { eventually } from '../support/eventually.ts';
import { shellContainer, untilPod } from '../support/host-pods.ts';

let host: AgentHost;

beforeAll(async () => {
  host = await startAgentHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const untilTerm = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

const until = (name: string, check: (pod: Pod) => boolean, deadlineMs?: number): Promise<Pod> =>
  untilPod(host, name, check, deadlineMs);

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
const main = (pod: Pod): ContainerStatus | undefined => pod.status?.containerStatuses?.[0];

async function remove(name: string): Promise<void> {
  await host.client.delete(pods, { namespace: 'default', name });
  await gone(name);
}

function gone(name: string): Promise<void> {
  return eventually(async () => {
    try {
      await host.getPod(name);
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    throw new Error(`${name} is still there`);
  });
}

async function eventTexts(name: string): Promise<string[]> {
  const { items } = await host.client.list(events, { namespace: 'default' });
  return items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ type, reason, message }) => `${type} ${reason} ${message}`);
}

describe('a node agent', () => {
  it('registers its node and makes it Ready once pods can have addresses', async () => {
    const node = await eventually(async () => {
      const found = await host.client.get(nodes, { name: host.nodeName });
      const ready = found.status?.conditions?.find(({ type }) => type === 'Ready');
      if (ready?.status !== 'True') throw new Error(JSON.stringify(ready));
      return found;
    });
    expect(node.status?.addresses).toEqual([
      { type: 'InternalIP', address: host.nodeIp },
      { type: 'Hostname', address: host.nodeName },
    ]);
    expect(node.metadata.labels).toMatchObject({
      'kubernetes.io/hostname': host.nodeName,
      'kubernetes.io/os': 'linux',
    });
    expect(node.status?.capacity?.['pods']).toBe('110');
  });

  it('runs a pod, gives it its environment and takes it away without a trace', async () => {
    const script = `echo "$GREETING" > /dev/termination-log; ${untilTerm}`;
    const env = [
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'GREETING', value: 'I am $(IP)' },
    ];
    await host.createPod('web', { containers: [shellContainer(script, { env })] });
    const pod = await until('web', isReady);
    expect(pod.status).toMatchObject({ phase: 'Running', hostIP: host.nodeIp, qosClass: 'BestEffort' });
    expect(pod.status?.podIP).toMatch(/^10\.244\.77\./);
    expect(main(pod)?.containerID).toMatch(/^crun:\/\/[0-9a-f]+$/);
    const expected = ['Normal Created Container created', 'Normal Started Container started'];
    await eventually(async () => expect(await eventTexts('web')).toEqual(expect.arrayContaining(expected)));
    await remove('web');
    const left = await host.run(
      'sh',
      '-c',
      `ls ${host.directory}/state/pods ${host.directory}/state/logs/pods`,
    );
    expect(left).not.toContain(pod.metadata.uid);
  });

  it('restarts what fails, with a back-off that the status tells of', async () => {
    await host.createPod('crash', {
      containers: [shellContainer('echo last words > /dev/termination-log; exit 3')],
    });
    const pod = await until('crash', (found) => main(found)?.state?.waiting?.reason === 'CrashLoopBackOff');
    expect(main(pod)?.restartCount).toBe(1);
    expect(main(pod)?.lastState?.terminated).toMatchObject({
      exitCode: 3,
      reason: 'Error',
      message: 'last words\n',
    });
    expect(main(pod)?.state?.waiting?.message).toContain(
      'back-off 10s restarting failed container=main pod=crash_default',
    );
    await remove('crash');
  });

  it('ends a pod that is done as Succeeded or Failed', async () => {
    await host.createPod('done', { restartPolicy: 'Never', containers: [shellContainer('exit 0')] });
    await host.createPod('failed', { restartPolicy: 'Never', containers: [shellContainer('exit 7')] });
    const done = await until('done', ({ status }) => status?.phase === 'Succeeded');
    expect(main(done)?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
    const failed = await until('failed', ({ status }) => status?.phase === 'Failed');
    expect(main(failed)?.state?.terminated?.exitCode).toBe(7);
    await Promise.all([remove('done'), remove('failed')]);
  });

  it('runs init containers one after another, then sidecars, then the rest', async () => {
    const volume = { name: 'shared', emptyDir: {} };
    const volumeMounts = [{ name: 'shared', mountPath: '/shared' }];
    const step = (name: string, script: string) => shellContainer(script, { name, volumeMounts });
    await host.createPod('staged', {
      volumes: [volume],
      initContainers: [
        step('one', 'echo 1 > /shared/order'),
        step('two', 'echo 2 >> /shared/order'),
        { ...step('side', untilTerm), restartPolicy: 'Always' },
      ],
      containers: [step('main', `cat /shared/order > /dev/termination-log; ${untilTerm}`)],
    });
    const pod = await until('staged', isReady);
    expect(pod.status?.initContainerStatuses?.map(({ name, ready }) => [name, ready])).toEqual([
      ['one', true],
      ['two', true],
      ['side', true],
    ]);
    await remove('staged');
  });

  it('tells why an image cannot be had, first as a failure, then as a wait', async () => {
    await host.createPod('noimage', {
      containers: [shellContainer('true', { image: 'nowhere.invalid/none:1', imagePullPolicy: 'Never' })],
    });
    const pod = await until(
      'noimage',
      (found) => main(found)?.state?.waiting?.reason === 'ErrImageNeverPull',
    );
    expect(main(pod)?.state?.waiting?.message).toBe(
      'Container image "nowhere.invalid/none:1" is not present with pull policy of Never',
    );
    await remove('noimage');
  });

  it('refuses a pod that does not fit', async () => {
    await host.createPod('large', {
      containers: [shellContainer(untilTerm, { resources: { requests: { cpu: '500' } } })],
    });
    const pod = await until('large', ({ status }) => status?.phase === 'Failed');
    expect(pod.status?.reason).toBe('OutOfcpu');
    expect(pod.status?.message).toMatch(
      /^Pod was rejected: Node didn't have enough resource: cpu, requested: 500000, used: \d+, capacity: \d+$/,
    );
    await remove('large');
  });

  it('takes its containers up again after it was killed', async () => {
    await host.createPod('lasting', { containers: [shellContainer(untilTerm)] });
    const before = await until('lasting', isReady);
    await host.killAgent();
    host.startAgent();
    await host.createPod('after', { containers: [shellContainer(untilTerm)] });
    await until('after', isReady);
    const after = await host.getPod('lasting');
    expect(after.status).toEqual(before.status);
    await Promise.all([remove('lasting'), remove('after')]);
  });

  it('ends and removes pods that were deleted from the API while it was down', async () => {
    await host.createPod('orphan', { containers: [shellContainer(untilTerm)] });
    const pod = await until('orphan', isReady);
    await host.killAgent();
    await host.client.delete(pods, { namespace: 'default', name: 'orphan' }, { gracePeriodSeconds: 0 });
    host.startAgent();
    await eventually(async () => {
      const left = await host.run(
        'sh',
        '-c',
        `ls ${host.directory}/state/runtime/sandboxes ${host.directory}/state/pods`,
      );
      if (left.includes(pod.metadata.uid) || /[0-9a-f]{20}/.test(left)) throw new Error(left);
    });
  });

  it('is Ready within half a second of the creation, when nothing else holds it up', async () => {
    const tookMs: number[] = [];
    while (tookMs.length < 5 && Math.min(...tookMs) >= 500) {
      const startedMs = performance.now();
      await host.createPod('quick', { containers: [shellContainer(untilTerm)] });
      await until('quick', isReady);
      tookMs.push(performance.now() - startedMs);
      await remove('quick');
    }
    expect(Math.min(...tookMs), tookMs.join(' ')).toBeLessThan(500);
  });
});
