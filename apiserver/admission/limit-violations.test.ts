import { expect, it } from 'vitest';
import { parseResourceList } from '../../api/resource-list.ts';
import { limitViolations } from './limit-violations.ts';

const asked = (requests: Record<string, string>, limits: Record<string, string> = {}) => ({
  requests: parseResourceList(requests),
  limits: parseResourceList(limits),
});

it.each([
  [
    { min: { cpu: '100m' } },
    asked({ cpu: '50m' }),
    ['minimum cpu usage per Pod is 100m, but request is 50m'],
  ],
  [{ min: { cpu: '100m' } }, asked({}), ['minimum cpu usage per Pod is 100m.  No request is specified']],
  [
    { min: { cpu: '1' } },
    asked({ cpu: '1' }, { cpu: '500m' }),
    ['minimum cpu usage per Pod is 1, but limit is 500m'],
  ],
  [
    { max: { memory: '1Gi' } },
    asked({}, { memory: '2Gi' }),
    ['maximum memory usage per Pod is 1Gi, but limit is 2Gi'],
  ],
  [
    { max: { memory: '1Gi' } },
    asked({ memory: '1Mi' }),
    ['maximum memory usage per Pod is 1Gi.  No limit is specified'],
  ],
  [
    { max: { cpu: '1' } },
    asked({ cpu: '2' }, { cpu: '1' }),
    ['maximum cpu usage per Pod is 1, but request is 2'],
  ],
  [
    { maxLimitRequestRatio: { cpu: '2' } },
    asked({ cpu: '100m' }, { cpu: '250m' }),
    ['cpu max limit to request ratio per Pod is 2, but provided ratio is 2.500000'],
  ],
  [
    { maxLimitRequestRatio: { cpu: '2' } },
    asked({ cpu: '0' }, { cpu: '1' }),
    ['cpu max limit to request ratio per Pod is 2, but no request is specified or request is 0'],
  ],
  [
    { maxLimitRequestRatio: { cpu: '2' } },
    asked({ cpu: '1' }),
    ['cpu max limit to request ratio per Pod is 2, but no limit is specified or limit is 0'],
  ],
  [
    { min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '2' } },
    asked({ cpu: '1' }, { cpu: '2' }),
    [],
  ],
])('%j of %s', (item, amounts, expected) => {
  expect(limitViolations({ type: 'Pod', ...item }, amounts)).toEqual(expected);
});

it('a claim has requests only', () => {
  const requests = parseResourceList({ storage: '2Gi' });
  const item = { type: 'PersistentVolumeClaim', min: { storage: '3Gi' }, max: { storage: '1Gi' } };
  expect(limitViolations(item, { requests })).toEqual([
    'minimum storage usage per PersistentVolumeClaim is 3Gi, but request is 2Gi',
    'maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
  ]);
});
