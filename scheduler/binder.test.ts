import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import { conflict, notFound } from '../api/status-error.ts';
import { delay } from '../base/clock.ts';
import { seededRandom } from '../base/random.ts';
import { TransportError } from '../client/transport-error.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aPod } from '../test/support/scheduling-objects.ts';
import { Binder, type BinderOptions } from './binder.ts';
import { SeenPods } from './seen-pods.ts';

interface Answers {
  readonly single?: () => unknown;
  readonly bulk?: (items: readonly { name: string }[]) => { status: number; body: unknown };
  readonly read?: () => Pod;
}

async function bind(pods: readonly Pod[], answers: Answers): Promise<{ outcomes: string[]; sent: string[] }> {
  const sent: string[] = [];
  const client: BinderOptions['client'] = {
    createSubresource: async (_, { name }) => {
      sent.push(name);
      return answers.single?.();
    },
    request: async ({ body }) => {
      const { items } = JSON.parse(String(body));
      sent.push(`bulk of ${items.length}`);
      const answer = answers.bulk?.(items) ?? { status: 404, body: {} };
      return { status: answer.status, headers: {}, body: Buffer.from(JSON.stringify(answer.body)) };
    },
    get: async () => answers.read?.() as never,
  };
  const clock = new ManualClock();
  const binder = new Binder({ client, clock, random: seededRandom(1) });
  const outcomes: string[] = [];
  const { signal } = new AbortController();
  for (const pod of pods)
    binder.start(pod, 'host-1', signal, ({ outcome }) => outcomes.push(`${pod.metadata.name} ${outcome}`));
  await clock.advance(10_000);
  await binder.drain();
  return { outcomes, sent };
}

const three = ['a', 'b', 'c'].map((name) => aPod({ name }));
const one = three.slice(0, 1);
const fail = (error: Error) => (): never => {
  throw error;
};
const lost = new TransportError('no answer');

describe('Binder', () => {
  it('sends pods of one turn together and settles each by its own result', async () => {
    const results = [{ code: 201 }, { code: 404 }, { code: 409, reason: 'Conflict', message: 'has a node' }];
    const { outcomes, sent } = await bind(three, { bulk: () => ({ status: 200, body: { results } }) });
    expect(sent).toEqual(['bulk of 3']);
    expect(outcomes).toEqual(['a bound', 'b gone', 'c refused']);
  });

  it('says which version the pod has now, if nothing else has changed since it was decided', async () => {
    const versions: (string | undefined)[] = [];
    const before = three.map((pod, i) => (i === 1 ? 'another' : pod.metadata.resourceVersion));
    const results = before.map((was, i) => ({
      code: 201,
      version: `9${i}`,
      ...(i === 2 ? {} : { before: was }),
    }));
    const client: BinderOptions['client'] = {
      createSubresource: async () => undefined,
      request: async () => ({ status: 200, headers: {}, body: Buffer.from(JSON.stringify({ results })) }),
      get: async () => one[0] as never,
    };
    const clock = new ManualClock();
    const binder = new Binder({ client, clock, random: seededRandom(1) });
    const { signal } = new AbortController();
    for (const pod of three)
      binder.start(pod, 'host-1', signal, (settled) =>
        versions.push(settled.outcome === 'bound' ? settled.version : 'not bound'),
      );
    expect(binder.isBinding).toBe(true);
    await clock.advance(1);
    await binder.drain();
    expect(versions).toEqual(['90', undefined, undefined]);
    expect(binder.isBinding).toBe(false);
  });

  it('says when the API server was asked', async () => {
    const clock = new ManualClock();
    const client: BinderOptions['client'] = {
      createSubresource: async () => undefined,
      get: async () => undefined as never,
      request: async () => {
        await delay(clock, 50);
        return { status: 200, headers: {}, body: Buffer.from('{"results":[{"code":201}]}') };
      },
    };
    const binder = new Binder({ client, clock, random: seededRandom(1) });
    const [startMs, times] = [clock.nowMs(), [] as (number | undefined)[]];
    binder.start(aPod({}), 'a', new AbortController().signal, (_, sentMs) => times.push(sentMs));
    await clock.advance(100);
    await binder.drain();
    expect(times).toEqual([startMs]);
  });

  it('sends those that stand or fall together in one request, in the order of the decisions', async () => {
    const sent: string[] = [];
    const client: BinderOptions['client'] = {
      createSubresource: async () => undefined,
      get: async () => undefined as never,
      request: async ({ body }) => {
        const { items, together } = JSON.parse(String(body));
        sent.push(`${items.length} ${together}`);
        const refused = { code: 409, reason: 'Conflict', message: 'refused', together: true };
        const results = together ? [{ code: 404 }, refused] : [{ code: 201 }];
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ results })) };
      },
    };
    const clock = new ManualClock();
    const binder = new Binder({ client, clock, random: seededRandom(1) });
    const outcomes: string[] = [];
    const { signal } = new AbortController();
    const settle = ({ outcome }: { readonly outcome: string }): void => void outcomes.push(outcome);
    binder.start(aPod({ name: 'a' }), 'n', signal, settle);
    const group = ['b', 'c'].map((name) => ({ pod: aPod({ name }), nodeName: 'n', settle }));
    binder.startTogether(group, signal);
    binder.start(aPod({ name: 'd' }), 'n', signal, settle);
    await clock.advance(10);
    await binder.drain();
    expect(sent).toEqual(['1 false', '2 true', '1 false']);
    expect(outcomes.sort()).toEqual(['bound', 'bound', 'gone', 'outdated']);
  });

  it('sends at most 100 in one request', async () => {
    const many = Array.from({ length: 250 }, (_, i) => aPod({ name: `p${i}` }));
    const bulk = (items: readonly unknown[]) => ({
      status: 200,
      body: { results: items.map(() => ({ code: 201 })) },
    });
    const { outcomes, sent } = await bind(many, { bulk });
    expect(sent).toEqual(['bulk of 100', 'bulk of 100', 'bulk of 50']);
    expect(outcomes).toHaveLength(250);
  });

  it('binds each alone where the server has no bulk binding', async () => {
    const { outcomes, sent } = await bind(three, {});
    expect(sent).toEqual(['bulk of 3', 'a', 'b', 'c']);
    expect(outcomes).toEqual(['a bound', 'b bound', 'c bound']);
  });

  it.each([
    ['bound', fail(lost), () => ({ ...three[0], spec: { ...three[0]?.spec, nodeName: 'host-1' } })],
    ['unanswered', fail(lost), () => ({ ...three[0], spec: { ...three[0]?.spec, nodeName: 'host-2' } })],
    ['gone', fail(lost), fail(notFound(pods, 'a'))],
    ['gone', fail(notFound(pods, 'a')), () => three[0]],
    ['refused', fail(conflict(pods, 'a', 'has a node')), () => three[0]],
  ])('finds out that a pod is %s', async (expected, single, read) => {
    const { outcomes } = await bind(one, { single, read: read as () => Pod });
    expect(outcomes).toEqual([`a ${expected}`]);
  });

  it('lets a pod be decided anew when it has seen what others have bound', async () => {
    const sent: unknown[] = [];
    const request = async ({ body }: { readonly body?: unknown }) => {
      sent.push(JSON.parse(String(body)));
      const results = [{ code: 409, reason: 'Conflict', until: '70' }];
      return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ results })) };
    };
    const view = new SeenPods();
    const nothing = { upsert: () => undefined, remove: () => undefined, replace: () => undefined };
    const feed = view.before(nothing);
    feed.replace([], '60');
    const client: BinderOptions['client'] = { request, createSubresource: fail(lost), get: fail(lost) };
    const clock = new ManualClock();
    const binder = new Binder({ client, clock, random: seededRandom(1), view });
    const outcomes: string[] = [];
    const note = ({ outcome }: { readonly outcome: string }): unknown => outcomes.push(outcome);
    binder.start(aPod({ name: 'a' }), 'host-1', new AbortController().signal, note);
    await clock.advance(10);
    expect([sent, outcomes]).toEqual([
      [expect.objectContaining({ seen: '60', request: 1, answered: 0 })],
      [],
    ]);
    feed.replace([], '70');
    await clock.advance(10);
    expect(outcomes).toEqual(['outdated']);
    binder.start(aPod({ name: 'a' }), 'host-1', new AbortController().signal, note);
    await clock.advance(10);
    expect(sent[1]).toMatchObject({ seen: '70', request: 2, answered: 1 });
  });

  it('keeps looking until someone answers', async () => {
    let reads = 0;
    const read = (): Pod => {
      reads += 1;
      if (reads < 4) throw lost;
      return { ...aPod({ name: 'a' }), metadata: { ...three[0]?.metadata } } as Pod;
    };
    const { outcomes } = await bind(one, { single: fail(lost), read });
    expect([outcomes, reads]).toEqual([['a unanswered'], 4]);
  });
});
