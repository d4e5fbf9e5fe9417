import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { StatefulSet, StatefulSetSpec } from '../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { aMeta, aPod, aTemplateMeta, t0Ms } from '../../test/support/workload-objects.ts';
import { isStaleClaim, planClaimOwners } from './claim-ownership.ts';
import { newReplica, ordinalOf } from './identity.ts';
import { planReplicas, type ReplicaStep, type ReplicaView } from './plan-replicas.ts';
import { planReplicaStatus } from './replica-status.ts';

const template = {
  metadata: aTemplateMeta({ app: 'db' }),
  spec: { containers: [{ name: 'main', image: 'db' }] },
};
const claimTemplate: PersistentVolumeClaim = {
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: aMeta({ name: 'data' }) },
  spec: { accessModes: ['ReadWriteOnce'] },
};

const aSet = (spec: Partial<StatefulSetSpec> = {}, status?: StatefulSet['status']): StatefulSet => ({
  ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: aMeta({ name: 'db' }), status },
  spec: { replicas: 3, selector: { matchLabels: { app: 'db' } }, template, serviceName: 'db', ...spec },
});

const aReplica = (ordinal: number, revision: string, over: Parameters<typeof aPod>[0] = {}): Pod =>
  aPod({
    ...over,
    name: `db-${ordinal}`,
    labels: { 'controller-revision-hash': revision, 'statefulset.kubernetes.io/pod-name': `db-${ordinal}` },
  });

const viewOf = (set: StatefulSet, pods: Pod[], current = 'new'): ReplicaView => ({
  ...{ set, pods, nowMs: t0Ms },
  current: { name: current, template },
  update: { name: 'new', template },
});

const inWords = (steps: readonly ReplicaStep[]): string[] =>
  steps.map((step) =>
    step.kind === 'create'
      ? `create ${step.ordinal} ${step.version.name}`
      : `${step.kind} ${step.pod.metadata.name}`,
  );
const plan = (...args: Parameters<typeof viewOf>): string[] => inWords(planReplicas(viewOf(...args)));

describe('planReplicas', () => {
  const parallel = { podManagementPolicy: 'Parallel' };
  it.each([
    ['starts with the first', aSet(), [], ['create 0 new']],
    ['waits for one that is not ready', aSet(), [aReplica(0, 'new', { ready: false })], []],
    ['goes on when it is', aSet(), [aReplica(0, 'new')], ['create 1 new']],
    ['counts from the first ordinal', aSet({ replicas: 1, ordinals: { start: 5 } }), [], ['create 5 new']],
    ['makes all at once in parallel', aSet(parallel), [], ['create 0 new', 'create 1 new', 'create 2 new']],
    [
      'takes the highest away first',
      aSet({ replicas: 1 }),
      [aReplica(0, 'new'), aReplica(1, 'new'), aReplica(2, 'new')],
      ['delete db-2'],
    ],
    [
      'does not shrink past an unhealthy one below',
      aSet({ replicas: 1 }),
      [aReplica(0, 'new'), aReplica(1, 'new', { ready: false }), aReplica(2, 'new', { ready: false })],
      [],
    ],
    ['makes one anew that has ended', aSet(), [aReplica(0, 'new', { phase: 'Failed' })], ['recreate db-0']],
    [
      'shrinks in parallel while one is made anew',
      aSet({ ...parallel, replicas: 2 }),
      [aReplica(0, 'new', { phase: 'Failed' }), aReplica(1, 'new'), aReplica(2, 'new')],
      ['recreate db-0', 'delete db-2'],
    ],
    [
      'makes one anew only once though its template has changed',
      aSet(parallel),
      [aReplica(0, 'old', { phase: 'Failed' }), aReplica(1, 'new'), aReplica(2, 'new')],
      ['recreate db-0'],
    ],
    [
      'waits until an ended one is gone',
      aSet(),
      [aReplica(0, 'new', { phase: 'Succeeded', deleting: true })],
      [],
    ],
  ])('%s', (_title, set, pods, expected) => {
    expect(plan(set, pods)).toEqual(expected);
  });

  const old = (): Pod[] => [aReplica(0, 'old'), aReplica(1, 'old'), aReplica(2, 'old')];
  const rolling = (rollingUpdate: object): StatefulSet =>
    aSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });

  it('updates from the highest ordinal down to the partition', () => {
    expect(plan(rolling({}), old(), 'old')).toEqual(['delete db-2']);
    expect(plan(rolling({ partition: 3 }), old(), 'old')).toEqual([]);
    const half = [aReplica(0, 'old'), aReplica(1, 'old'), aReplica(2, 'new')];
    expect(plan(rolling({ partition: 1 }), half, 'old')).toEqual(['delete db-1']);
    expect(plan(rolling({ partition: 2 }), half, 'old')).toEqual([]);
    expect(plan(rolling({ maxUnavailable: 2 }), old(), 'old')).toEqual(['delete db-2', 'delete db-1']);
    expect(plan(aSet({ updateStrategy: { type: 'OnDelete' } }), old(), 'old')).toEqual([]);
  });

  it('makes replicas below the partition from the old template', () => {
    const status = { replicas: 3, currentReplicas: 3 };
    const set = { ...rolling({ partition: 1 }), status };
    expect(plan(set, [], 'old')).toEqual(['create 0 old']);
    expect(plan(set, [aReplica(0, 'old')], 'old')).toEqual(['create 1 new']);
  });

  it('without a partition makes none from the old template, though the status still counts the one that went', () => {
    const status = { replicas: 3, currentReplicas: 3 };
    const set = { ...aSet({ updateStrategy: { type: 'RollingUpdate' } }), status };
    expect(plan(set, old().slice(0, 2), 'old')).toEqual(['create 2 new']);
  });

  it('never has two pods of a name, and in order only one step at a time', () => {
    const replica = fc.record({
      revision: fc.constantFrom('old', 'new'),
      ready: fc.boolean(),
      deleting: fc.boolean(),
      present: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(replica, { maxLength: 6 }),
        fc.nat({ max: 5 }),
        fc.boolean(),
        (drawn, replicas, isParallel) => {
          const pods = drawn.flatMap(({ present, revision, ...over }, i) =>
            present ? [aReplica(i, revision, over)] : [],
          );
          const set = aSet({ replicas, ...(isParallel ? parallel : {}) });
          const steps = planReplicas(viewOf(set, pods, 'old'));
          const names = pods.map(({ metadata }) => metadata.name);
          for (const step of steps)
            if (step.kind === 'create') expect(names).not.toContain(`db-${step.ordinal}`);
          const changing = steps.filter(({ kind }) => kind === 'create' || kind === 'delete');
          if (!isParallel) expect(changing.length).toBeLessThanOrEqual(1);
          const deleted = steps.flatMap((step) => (step.kind === 'delete' ? [step.pod.metadata.name] : []));
          expect(new Set(deleted).size).toBe(deleted.length);
        },
      ),
    );
  });
});

describe('a replica', () => {
  it('has a name, a host name and claims of its own', () => {
    const set = aSet({ volumeClaimTemplates: [claimTemplate] });
    const pod = newReplica(set, 2, { name: 'db-rev', template });
    expect(pod.metadata).toMatchObject({ name: 'db-2', generateName: 'db-' });
    expect(pod.metadata.labels).toEqual({
      ...{ app: 'db', 'controller-revision-hash': 'db-rev' },
      ...{ 'statefulset.kubernetes.io/pod-name': 'db-2', 'apps.kubernetes.io/pod-index': '2' },
    });
    expect(pod.spec).toMatchObject({
      ...{ hostname: 'db-2', subdomain: 'db' },
      volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-2' } }],
    });
    expect(ordinalOf(set, aPod({ name: 'db-x-2' }))).toBeUndefined();
  });
});

describe('planReplicaStatus', () => {
  it('makes the new revision the current one when all replicas have it', () => {
    const pods = [aReplica(0, 'new'), aReplica(1, 'new'), aReplica(2, 'new', { ready: false })];
    const rolling = planReplicaStatus(viewOf(aSet(), pods, 'old'), 0).status;
    expect(rolling).toMatchObject({ currentRevision: 'old', updatedReplicas: 3, readyReplicas: 2 });
    const done = planReplicaStatus(viewOf(aSet(), [...pods.slice(0, 2), aReplica(2, 'new')], 'old'), 0);
    expect(done.status).toEqual({
      ...{ replicas: 3, readyReplicas: 3, availableReplicas: 3, currentReplicas: 3, updatedReplicas: 3 },
      ...{ currentRevision: 'new', updateRevision: 'new', collisionCount: 0, observedGeneration: 1 },
    });
  });

  it("keeps conditions, which are others'", () => {
    const conditions = [{ type: 'Checked', status: 'True' }];
    const pods = [aReplica(0, 'new')];
    const before = planReplicaStatus(viewOf(aSet(), pods, 'old'), 0).status;
    const set = { ...aSet(), status: { ...before, conditions } };
    expect(planReplicaStatus(viewOf(set, pods, 'old'), 0).status).toEqual(set.status);
  });
});

describe('planClaimOwners', () => {
  const claim: PersistentVolumeClaim = { ...claimTemplate, metadata: aMeta({ name: 'data-db-2' }) };
  const pod = aReplica(2, 'new');
  const policy = (whenDeleted: string, whenScaled: string, replicas = 3): StatefulSet =>
    aSet({ replicas, persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } });
  it.each([
    [policy('Retain', 'Retain'), undefined],
    [policy('Delete', 'Retain'), ['StatefulSet']],
    [policy('Retain', 'Delete'), undefined],
    [policy('Retain', 'Delete', 2), ['Pod']],
    [policy('Delete', 'Delete', 2), ['Pod']],
    [policy('Delete', 'Retain', 2), ['StatefulSet']],
  ])('of case %#', (set, kinds) => {
    expect(planClaimOwners(set, claim, 2, pod)?.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('knows a claim that goes with an earlier pod', () => {
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Pod', name: 'db-2', uid: 'earlier' }];
    const stale = { ...claim, metadata: { ...claim.metadata, ownerReferences } };
    expect(isStaleClaim(stale, 'db-2', undefined)).toBe(true);
    expect(isStaleClaim(stale, 'db-2', 'earlier')).toBe(false);
  });
});
