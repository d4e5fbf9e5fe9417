import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { defaultFlowSchemas, defaultPriorityLevels } from './default-configuration.ts';
import { dealHand, FairQueues } from './fair-queues.ts';
import { FlowController, type Seat } from './flow-controller.ts';
import { type FlowRequest, inPrecedence, isUnder } from './flow-schema.ts';
import { limitsOf } from './priority-level.ts';

const metadataOf = (name: string) => ({
  name,
  uid: `uid-${name}`,
  resourceVersion: '1',
  creationTimestamp: '',
});
const schemas: FlowSchema[] = defaultFlowSchemas.map(({ name, spec }) => ({
  ...({ apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'FlowSchema' } as const),
  ...{ metadata: metadataOf(name), spec },
}));
const levels: PriorityLevelConfiguration[] = defaultPriorityLevels.map(({ name, spec }) => ({
  ...({ apiVersion: 'flowcontrol.apiserver.k8s.io/v1', kind: 'PriorityLevelConfiguration' } as const),
  ...{ metadata: metadataOf(name), spec },
}));

const aRequest = (
  name: string,
  groups: readonly string[],
  changes: Partial<FlowRequest> = {},
): FlowRequest => ({
  user: { name, uid: '', groups: [...groups, 'system:authenticated'], extra: {} },
  ...{ isResource: true, path: '/api/v1/pods', verb: 'list', group: '', resource: 'pods' },
  ...{ subresource: '', namespace: 'default' },
  ...changes,
});
const byUser = (name: string): FlowRequest => aRequest(name, []);

describe('the default flow schemas', () => {
  const lease = {
    verb: 'update',
    group: 'coordination.k8s.io',
    resource: 'leases',
    namespace: 'kube-system',
  };
  test.each([
    ['exempt', aRequest('admin', ['system:masters'])],
    ['probes', aRequest('a', [], { isResource: false, path: '/readyz', verb: 'get' })],
    ['system-leader-election', aRequest('system:kube-scheduler', [], lease)],
    ['kube-scheduler', aRequest('system:kube-scheduler', [])],
    ['kube-controller-manager', aRequest('system:kube-controller-manager', [])],
    [
      'endpoint-controller',
      aRequest('system:kube-controller-manager', [], {
        verb: 'update',
        group: 'discovery.k8s.io',
        resource: 'endpointslices',
      }),
    ],
    ['system-node-high', aRequest('system:node:a', ['system:nodes'], lease)],
    [
      'system-leader-election',
      aRequest('coracle:detector', [], {
        ...{ verb: 'create', group: 'coracle.dev', resource: 'bulkrenewals', namespace: '' },
      }),
    ],
    ['system-nodes', aRequest('system:node:a', ['system:nodes'])],
    ['service-accounts', aRequest('system:serviceaccount:a:b', ['system:serviceaccounts'])],
    [
      'kube-system-service-accounts',
      aRequest('system:serviceaccount:kube-system:b', ['system:serviceaccounts']),
    ],
    ['global-default', byUser('jane')],
    ['global-default', aRequest('jane', [], { namespace: '' })],
  ])('put under %s what belongs there', (name, request) => {
    expect(inPrecedence(schemas).find((schema) => isUnder(schema, request))?.metadata.name).toBe(name);
  });
});

describe('seats', () => {
  test('are shared by nominal shares, with what others may use set apart', () => {
    const limits = limitsOf(levels, 245);
    expect(limits.get('workload-low')).toEqual({ nominal: 100, reserved: 10, borrowingLimit: 245 });
    expect(limits.get('system')).toMatchObject({ nominal: 30, reserved: 20 });
    expect(limits.get('exempt')).toMatchObject({ nominal: 0 });
  });
});

describe('fair queues', () => {
  test('deal each flow a hand of different queues, always the same', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 1, max: 128 }),
        fc.integer({ min: 1, max: 8 }),
        (flow, queues, handSize) => {
          const options = { queues, handSize, queueLengthLimit: 1 };
          const hand = dealHand(flow, options);
          expect(new Set(hand).size).toBe(Math.min(queues, handSize));
          expect(hand.every((queue) => queue >= 0 && queue < queues)).toBe(true);
          expect(dealHand(flow, options)).toEqual(hand);
        },
      ),
    );
  });

  test('lose nothing, and keep the order of a flow that has one queue', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(5), fc.integer({ min: 1, max: 10 }))), (entries) => {
        const queues = new FairQueues<number>({ queues: 64, handSize: 1, queueLengthLimit: 1_000 });
        const flowOf = new Map(entries.map(([flow], at) => [at, flow]));
        for (const [at, [flow, work]] of entries.entries())
          expect(queues.add(`${flow}`, at, work)).toBe(true);
        const taken: number[] = [];
        for (let item = queues.take(); item !== undefined; item = queues.take()) taken.push(item);
        expect([...taken].sort((a, b) => a - b)).toEqual(entries.map((_, at) => at));
        for (const flow of new Set(flowOf.values())) {
          const own = taken.filter((item) => flowOf.get(item) === flow);
          expect(own).toEqual([...own].sort((a, b) => a - b));
        }
      }),
    );
  });

  test('serve a newcomer before the backlog of one who floods', () => {
    const queues = new FairQueues<string>({ queues: 128, handSize: 6, queueLengthLimit: 50 });
    while (queues.add('flood', 'flood', 1));
    expect(queues.length).toBe(300);
    for (let served = 0; served < 100; served += 1) queues.take();
    expect(queues.add('jane', 'jane', 1)).toBe(true);
    const next = Array.from({ length: 8 }, () => queues.take());
    expect(next).toContain('jane');
  });
});

describe('a flow controller', () => {
  let clock: ManualClock;
  let controller: FlowController;
  let told: string[];
  const client = new AbortController();

  beforeEach(() => {
    clock = new ManualClock();
    told = [];
    controller = new FlowController({
      seats: 32,
      clock,
      busyMs: () => 0,
      observer: {
        dispatched: (level) => told.push(`dispatched ${level}`),
        rejected: (level, _schema, reason) => told.push(`rejected ${level} ${reason}`),
      },
    });
    controller.configure(schemas, levels);
  });

  const fill = (request: FlowRequest): Seat[] => {
    const seats: Seat[] = [];
    for (;;) {
      const abort = new AbortController();
      const seat = controller.admit(request, 1, abort);
      if (!(seat instanceof Promise)) seats.push(seat);
      else {
        abort.abort();
        void seat.catch(() => undefined);
        return seats;
      }
    }
  };

  test('lends idle seats, but never those that others reserve', () => {
    const taken = fill(byUser('flood')).length;
    expect(taken).toBeGreaterThan(3);
    expect(taken).toBeLessThan(32);
    const scheduler = aRequest('system:kube-scheduler', []);
    expect(controller.admit(scheduler, 1, client)).not.toBeInstanceOf(Promise);
  });

  test('starts what waits when a seat is free, in the next turn of the event loop', async () => {
    const [seat] = fill(byUser('flood'));
    const waiting = controller.admit(byUser('flood'), 1, client);
    expect(waiting).toBeInstanceOf(Promise);
    seat?.release();
    seat?.release();
    await clock.advance(0);
    expect((await waiting).levelUid).toBe('uid-global-default');
    expect([...controller.levels].find(({ name }) => name === 'global-default')?.waiting).toBe(0);
  });

  test('does not begin for a client who had gone before it had to wait', async () => {
    fill(byUser('flood'));
    const waiting = controller.admit(byUser('flood'), 1, { signal: AbortSignal.abort() });
    await expect(waiting).rejects.toMatchObject({ code: 429 });
    expect([...controller.levels].find(({ name }) => name === 'global-default')?.waiting).toBe(0);
    expect(told.at(-1)).toBe('rejected global-default cancelled');
  });

  test('lets in at once who has nothing here, up to as many seats again as the level owns', async () => {
    const abort = new AbortController();
    fill(byUser('flood'));
    const comers = ['a', 'a', 'b', 'c', 'd', 'e'].map((name) => controller.admit(byUser(name), 1, abort));
    const waits = comers.map((each) => each instanceof Promise);
    // The level owns three seats of 32; the second request of one user is no newcomer's.
    expect(waits).toEqual([false, true, false, false, true, true]);
    const [first] = comers;
    if (!(first instanceof Promise)) first?.release();
    expect(controller.admit(byUser('f'), 1, abort)).not.toBeInstanceOf(Promise);
    abort.abort();
    for (const each of comers) void Promise.resolve(each).catch(() => undefined);
  });

  test('refuses with 429 who waited too long, and who finds no room', async () => {
    fill(byUser('flood'));
    const late = expect(controller.admit(byUser('flood'), 1, client)).rejects.toMatchObject({ code: 429 });
    await clock.advance(15_000);
    await late;
    expect(told).toContain('rejected global-default time-out');
    const crowd = Array.from({ length: 400 }, () => controller.admit(byUser('flood'), 1, client));
    const refused = await Promise.race(
      crowd.slice(301).map((each) => Promise.resolve(each).catch((error: unknown) => error)),
    );
    expect(refused).toMatchObject({ code: 429, details: { retryAfterSeconds: 1 } });
    expect(told).toContain('rejected global-default queue-full');
    for (const each of crowd) void Promise.resolve(each).catch(() => undefined);
    await clock.advance(15_000);
  });

  test('holds nobody back who is exempt', () => {
    fill(byUser('flood'));
    const admin = aRequest('admin', ['system:masters']);
    for (let at = 0; at < 1_000; at += 1)
      expect(controller.admit(admin, 1, client)).not.toBeInstanceOf(Promise);
  });

  test('does not leave waiting what is wider than its level has become', async () => {
    const limited = (name: string, change: object) => (level: PriorityLevelConfiguration) =>
      (level.metadata.name === 'global-default') === (name === 'global-default') &&
      level.spec.type === 'Limited'
        ? { ...level, spec: { ...level.spec, limited: { ...level.spec.limited, ...change } } }
        : level;
    const ownSeatsOnly = levels.map(limited('global-default', { borrowingLimitPercent: 0 }));
    controller.configure(schemas, ownSeatsOnly);
    const seats = fill(byUser('flood'));
    const wide = controller.admit(byUser('flood'), 3, client);
    expect(wide).toBeInstanceOf(Promise);
    controller.configure(schemas, ownSeatsOnly.map(limited('others', { nominalConcurrencyShares: 900 })));
    for (const seat of seats) seat.release();
    await clock.advance(0);
    expect((await wide).levelUid).toBe('uid-global-default');
  });

  test('carries out what waits in a level that goes away', async () => {
    fill(byUser('flood'));
    const waiting = controller.admit(byUser('flood'), 1, client);
    controller.configure(
      schemas,
      levels.filter(({ metadata }) => metadata.name !== 'global-default'),
    );
    await expect(waiting).resolves.toMatchObject({ levelUid: 'uid-global-default' });
  });
});
