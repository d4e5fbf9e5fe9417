import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DaemonSet, DaemonSetUpdateStrategy } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { seededRandom } from '../../base/random.ts';
import { aMeta, aNode, aPod, aTemplateMeta, t0Ms } from '../../test/support/workload-objects.ts';
import { fitOf, newDaemonPod, targetNodeOf } from './daemon-pod.ts';
import { nextAvailableInMs, planDaemonStatus } from './daemon-status.ts';
import { type DaemonView, planDaemons, viewDaemons } from './plan-daemons.ts';
import { planRollingUpdate } from './rolling-update.ts';

const aDaemonSet = (
  rollingUpdate: DaemonSetUpdateStrategy['rollingUpdate'] = {},
  spec: Partial<Pod['spec']> = {},
): DaemonSet => ({
  ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: aMeta({ name: 'agent' }) },
  spec: {
    selector: { matchLabels: { app: 'agent' } },
    updateStrategy: { type: 'RollingUpdate', rollingUpdate },
    template: {
      metadata: aTemplateMeta({ app: 'agent' }),
      spec: { containers: [{ name: 'main', image: 'agent' }], ...spec },
    },
  },
});

const aDaemon = (node: string, hash: string, ready = true): Pod =>
  aPod({ node, ready, labels: { app: 'agent', 'controller-revision-hash': hash } });

const viewOf = (daemonSet: DaemonSet, nodes: ReturnType<typeof aNode>[], pods: Pod[]): DaemonView =>
  viewDaemons({ daemonSet, nodes, hash: 'new', nowMs: t0Ms }, pods);

describe('fitOf', () => {
  const dedicated = { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' };
  const unreachable = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' };
  const evicting = { key: 'maintenance', effect: 'NoExecute' };
  it.each([
    [{}, [], { shouldRun: true, mayStay: true }],
    [{}, [dedicated], { shouldRun: false, mayStay: true }],
    [{}, [unreachable], { shouldRun: true, mayStay: true }],
    [{}, [evicting], { shouldRun: false, mayStay: false }],
    [{ tolerations: [{ operator: 'Exists' }] }, [evicting, dedicated], { shouldRun: true, mayStay: true }],
    [{ nodeSelector: { disk: 'ssd' } }, [], { shouldRun: false, mayStay: false }],
    [{ nodeName: 'other' }, [], { shouldRun: false, mayStay: false }],
  ])('of case %#', (spec, taints, expected) => {
    expect(fitOf(aDaemonSet({}, spec), aNode('node-1', { taints }))).toEqual(expected);
  });
});

describe('planDaemons', () => {
  it('wants one pod on each node, and takes away what ended, what is too much, and what has no place', () => {
    const nodes = [aNode('a'), aNode('b'), aNode('c', { taints: [{ key: 'x', effect: 'NoExecute' }] })];
    const ended = aPod({ node: 'b', phase: 'Failed' });
    const [older, younger] = [aDaemon('a', 'new'), aDaemon('a', 'new')];
    const waiting = {
      ...aDaemon('', 'new'),
      spec: newDaemonPod(aDaemonSet(), 'gone', 'new', seededRandom(1)).spec,
    };
    const evicted = aDaemon('c', 'new');
    const plan = planDaemons(viewOf(aDaemonSet(), nodes, [older, younger, ended, evicted, waiting]));
    expect(plan.toCreate).toEqual([]);
    expect(new Set(plan.toDelete)).toEqual(new Set([younger, ended, evicted, waiting]));
    expect(plan.ended).toEqual([ended]);
    expect(planDaemons(viewOf(aDaemonSet(), nodes, [])).toCreate).toEqual(['a', 'b']);
  });

  it('sends each pod to its node and lets it stay there', () => {
    const pod = newDaemonPod(aDaemonSet(), 'a', 'new', seededRandom(1));
    expect(targetNodeOf({ ...aPod(), spec: pod.spec })).toBe('a');
    expect(pod.spec.tolerations?.map(({ key }) => key)).toContain('node.kubernetes.io/unschedulable');
    expect(pod.metadata.labels).toMatchObject({ app: 'agent', 'controller-revision-hash': 'new' });
  });

  it('lets it stay without limit where the template says for how long', () => {
    const set = aDaemonSet();
    const key = 'node.kubernetes.io/unreachable';
    const limited = { key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 };
    const own = { key: 'own', operator: 'Exists', tolerationSeconds: 5 };
    if (set.spec.template.spec !== undefined) set.spec.template.spec.tolerations = [limited, own];
    const { tolerations = [] } = newDaemonPod(set, 'a', 'new', seededRandom(1)).spec;
    expect(tolerations.filter((one) => one.key === key)).toEqual([
      { key, operator: 'Exists', effect: 'NoExecute' },
    ]);
    expect(tolerations).toContainEqual(own);
  });
});

describe('planRollingUpdate', () => {
  const state = fc.constantFrom('old', 'new', 'oldBroken', 'newBroken', 'none');
  const limits = fc.constantFrom({ maxUnavailable: 1 }, { maxUnavailable: 3 }, { maxUnavailable: '50%' });

  it('never makes more nodes unavailable than allowed by its own doing', () => {
    fc.assert(
      fc.property(fc.array(state, { minLength: 1, maxLength: 8 }), limits, (states, rolling) => {
        const nodes = states.map((_, i) => aNode(`n${i}`));
        const pods = states.flatMap((is, i) =>
          is === 'none'
            ? []
            : [aDaemon(`n${i}`, is.startsWith('new') ? 'new' : 'old', !is.endsWith('Broken'))],
        );
        const { toDelete, toCreate } = planRollingUpdate(viewOf(aDaemonSet(rolling), nodes, pods));
        expect(toCreate).toEqual([]);
        expect(
          toDelete.every(({ metadata }) => metadata.labels?.['controller-revision-hash'] === 'old'),
        ).toBe(true);
        const healthy = states.filter((is) => is === 'old' || is === 'new').length;
        const taken = toDelete.filter((pod) => pod.status?.conditions?.[0]?.status === 'True').length;
        const max =
          typeof rolling.maxUnavailable === 'number' ? rolling.maxUnavailable : Math.ceil(states.length / 2);
        expect(taken).toBeLessThanOrEqual(Math.max(0, max - (states.length - healthy)));
      }),
    );
  });

  it('surges: a new pod beside the old one, and the old one goes when the new one is available', () => {
    const daemonSet = aDaemonSet({ maxSurge: 1, maxUnavailable: 0 });
    const nodes = [aNode('a'), aNode('b')];
    const pods = [aDaemon('a', 'old'), aDaemon('b', 'old')];
    expect(planRollingUpdate(viewOf(daemonSet, nodes, pods))).toMatchObject({
      toCreate: ['a'],
      toDelete: [],
    });
    const starting = [...pods, aDaemon('a', 'new', false)];
    expect(planRollingUpdate(viewOf(daemonSet, nodes, starting))).toMatchObject({
      toCreate: [],
      toDelete: [],
    });
    const started = [...pods, aDaemon('a', 'new')];
    expect(planRollingUpdate(viewOf(daemonSet, nodes, started))).toMatchObject({
      ...{ toCreate: ['b'], toDelete: [pods[0]] },
    });
  });
});

describe('a rolling update that surges', () => {
  it('makes no second pod on a node that takes none any more: the old one goes in its turn', () => {
    const daemonSet = aDaemonSet({ maxSurge: 1, maxUnavailable: 0 });
    const closed = { taints: [{ key: 'x', effect: 'NoSchedule' }] };
    const nodes = [aNode('a', closed), aNode('b'), aNode('c', closed)];
    const pods = [aDaemon('a', 'old'), aDaemon('b', 'old'), aDaemon('c', 'old', false)];
    const plan = planRollingUpdate(viewOf(daemonSet, nodes, pods));
    expect(plan).toMatchObject({ toCreate: [], toDelete: [pods[2], pods[0]] });
  });
});

describe('planDaemonStatus', () => {
  it('counts nodes', () => {
    const nodes = [aNode('a'), aNode('b'), aNode('c', { taints: [{ key: 'x', effect: 'NoSchedule' }] })];
    const view = viewOf(aDaemonSet(), nodes, [aDaemon('a', 'new'), aDaemon('c', 'old')]);
    expect(planDaemonStatus(view, undefined)).toEqual({
      ...{ desiredNumberScheduled: 2, currentNumberScheduled: 1, numberMisscheduled: 1, numberReady: 1 },
      ...{ numberAvailable: 1, numberUnavailable: 1, updatedNumberScheduled: 1, observedGeneration: 1 },
    });
  });

  it("keeps conditions, which are others'", () => {
    const conditions = [{ type: 'Checked', status: 'True' }];
    const before = planDaemonStatus(viewOf(aDaemonSet(), [aNode('a')], []), undefined);
    const daemonSet = { ...aDaemonSet(), status: { ...before, conditions } };
    expect(planDaemonStatus(viewOf(daemonSet, [aNode('a')], []), undefined)).toEqual(daemonSet.status);
  });
});

describe('nextAvailableInMs', () => {
  it('is that of any pod, also of the second one on a node', () => {
    const daemonSet = aDaemonSet({ maxSurge: 1, maxUnavailable: 0 });
    daemonSet.spec.minReadySeconds = 10;
    const readyAt = (pod: Pod, atMs: number): Pod => {
      const lastTransitionTime = new Date(atMs).toISOString();
      return { ...pod, status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime }] } };
    };
    const old = readyAt(aDaemon('a', 'old'), t0Ms - 60_000);
    const waiting = readyAt(aDaemon('a', 'new'), t0Ms - 4_000);
    expect(nextAvailableInMs(viewOf(daemonSet, [aNode('a')], [old, waiting]))).toBe(6_000);
    expect(nextAvailableInMs(viewOf(daemonSet, [aNode('a')], [old]))).toBeUndefined();
    expect(nextAvailableInMs(viewOf(daemonSet, [aNode('a')], [aDaemon('a', 'new', false)]))).toBeUndefined();
  });
});
