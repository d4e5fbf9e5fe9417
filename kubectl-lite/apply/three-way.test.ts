import { expect, test } from 'vitest';
import { planMergePatch, planStrategicPatch } from './three-way.ts';

const deployment = 'io.k8s.api.apps.v1.Deployment';
const withContainers = (...containers: object[]): Record<string, unknown> => ({
  spec: { template: { spec: { containers } } },
});

test('nothing is sent when the server has all that the file says', () => {
  const file = withContainers({ name: 'a', image: 'x' });
  const live = withContainers({ name: 'a', image: 'x', imagePullPolicy: 'Always' });
  expect(planStrategicPatch(file, file, live, deployment)).toEqual({});
});

test('a changed field of a container is sent with its key, and fields of others stay', () => {
  const before = withContainers({ name: 'a', image: 'x', env: [{ name: 'A', value: '1' }, { name: 'B' }] });
  const after = withContainers({ name: 'a', image: 'y', env: [{ name: 'A', value: '1' }] });
  const live = withContainers({ ...Object(before.spec).template.spec.containers[0], tty: true });
  expect(planStrategicPatch(before, after, live, deployment)).toEqual({
    spec: {
      template: {
        spec: {
          containers: [
            {
              name: 'a',
              image: 'y',
              env: [{ $patch: 'delete', name: 'B' }],
              '$setElementOrder/env': [{ name: 'A' }],
            },
          ],
          '$setElementOrder/containers': [{ name: 'a' }],
        },
      },
    },
  });
});

test('a field that the user took out is removed, one that others added stays', () => {
  const before = { spec: { replicas: 3 }, metadata: { labels: { a: '1' } } };
  const after = { metadata: { labels: {} } };
  const live = { spec: { replicas: 3, paused: true }, metadata: { labels: { a: '1', other: '2' } } };
  expect(planStrategicPatch(before, after, live, deployment)).toEqual({
    spec: null,
    metadata: { labels: { a: null } },
  });
});

test('a strategy names the keys that stay', () => {
  const before = { spec: { strategy: { type: 'RollingUpdate' } } };
  const after = { spec: { strategy: { type: 'Recreate' } } };
  const live = { spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } } };
  expect(planStrategicPatch(before, after, live, deployment)).toEqual({
    spec: { strategy: { type: 'Recreate', $retainKeys: ['type'] } },
  });
});

test('without a schema lists are written whole', () => {
  expect(planMergePatch({}, { spec: { list: [1] } }, { spec: { list: [1, 2] } })).toEqual({
    spec: { list: [1] },
  });
});

test('a key that is called like what every object has is taken out like the others', () => {
  const before = { data: { hasOwnProperty: 'x', a: 'y' } };
  expect(planMergePatch(before, { data: { a: 'y' } }, before)).toEqual({ data: { hasOwnProperty: null } });
});
