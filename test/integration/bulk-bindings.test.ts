/** What a bulk binding stores and answers, for plain pods that are bound in their bytes and for all others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import type { ApiClient } from '../../client/client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { aPod } from '../support/scheduling-objects.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

const zone = 'topology.kubernetes.io/zone';
let server: TestApiServer;
let admin: ApiClient;

beforeAll(async () => {
  server = await startApiServer([]);
  admin = await server.clientAs('admin');
  await ensureServiceAccount(admin);
  for (const [name, labels] of Object.entries({ bare: {}, placed: { [zone]: 'z1' } }))
    await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: {} });
});
afterAll(() => server.stop());

const create = (name: string, more: Partial<Pod['spec']> = {}): Promise<Pod> => {
  const { spec } = aPod({ name });
  const metadata = { name, namespace: 'default', labels: { app: name } };
  return admin.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec: { ...spec, ...more } });
};

interface Result {
  readonly code: number;
  readonly message?: string;
  readonly before?: string;
  readonly version?: string;
}

async function bind(items: readonly (readonly [Pod, node: string, uid?: string])[]): Promise<Result[]> {
  const { status, body } = await admin.request({
    ...{ method: 'POST', path: '/apis/coracle.dev/v1/bulkbindings' },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      items: items.map(([{ metadata }, node, uid = metadata.uid]) => {
        const { namespace, name } = metadata;
        return { namespace, name, uid, node };
      }),
    }),
  });
  expect(status).toBe(200);
  return JSON.parse(body.toString()).results;
}

const namesOf = async (selection: { fieldSelector?: string; labelSelector?: string }): Promise<string[]> =>
  (await admin.list(pods, { namespace: 'default', ...selection })).items.map(({ metadata }) => metadata.name);

const podAffinity = (app: string): Partial<Pod['spec']> => ({
  affinity: {
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } },
      ],
    },
  },
});

describe('bulk bindings', () => {
  it('gives plain pods and others their node, and says which got nothing else', async () => {
    const made = await Promise.all([
      create('plain'),
      create('other', podAffinity('x')),
      create('in-zone'),
      create('other-in-zone', podAffinity('x')),
    ]);
    const [plain, other, inZone, otherInZone] = made;
    const results = await bind([
      [plain, 'bare'],
      [other, 'bare'],
      [inZone, 'placed'],
      [otherInZone, 'placed'],
    ]);
    const after = await Promise.all(made.map(({ metadata }) => admin.get(pods, metadata)));
    const mere = (at: number): Result => ({
      ...{ code: 201, before: made[at]?.metadata.resourceVersion ?? '' },
      version: after[at]?.metadata.resourceVersion ?? '',
    });
    expect(results).toEqual([mere(0), mere(1), { code: 201 }, { code: 201 }]);
    for (const [at, pod] of after.entries()) {
      const was = made[at] as Pod;
      const isPlaced = at > 1;
      const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
      const condition = {
        type: 'PodScheduled',
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: time,
      };
      expect(pod).toEqual({
        ...was,
        metadata: {
          ...was.metadata,
          resourceVersion: pod.metadata.resourceVersion,
          labels: { ...was.metadata.labels, ...(isPlaced ? { [zone]: 'z1' } : {}) },
        },
        spec: { ...was.spec, nodeName: isPlaced ? 'placed' : 'bare' },
        status: { ...was.status, conditions: [condition] },
      });
    }
    await eventually(async () => {
      expect(await namesOf({ fieldSelector: 'spec.nodeName=bare' })).toEqual(['other', 'plain']);
      expect(await namesOf({ fieldSelector: 'spec.nodeName=placed' })).toEqual(['in-zone', 'other-in-zone']);
      expect(await namesOf({ fieldSelector: 'spec.nodeName=' })).toEqual([]);
      expect(await namesOf({ labelSelector: `${zone}=z1` })).toEqual(['in-zone', 'other-in-zone']);
      expect(await namesOf({ labelSelector: 'app=in-zone' })).toEqual(['in-zone']);
    });
  });

  it('refuses each that it must, plain or not, and binds the others', async () => {
    const gated = await create('gated', { schedulingGates: [{ name: 'wait' }] });
    const bound = await create('bound');
    await bind([[bound, 'bare']]);
    const replaced = await create('replaced');
    const good = await create('good');
    const gone = { ...good, metadata: { ...good.metadata, name: 'gone' } };
    const results = await bind([
      [gated, 'bare'],
      [bound, 'bare'],
      [replaced, 'bare', 'another-uid'],
      [gone, 'bare'],
      [good, 'bare'],
    ]);
    expect(results.map(({ code }) => code)).toEqual([409, 409, 409, 404, 201]);
    expect(results.map(({ message = '' }) => message)).toEqual([
      expect.stringContaining('has non-empty .spec.schedulingGates'),
      expect.stringContaining('is already assigned to node "bare"'),
      expect.stringContaining('UID in precondition: another-uid'),
      expect.stringContaining('not found'),
      '',
    ]);
  });
});
