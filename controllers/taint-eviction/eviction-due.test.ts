import { describe, expect, it } from 'vitest';
import { t0, t0Ms } from '../../test/support/workload-objects.ts';
import { tolerates } from '../tolerations.ts';
import { evictionDueMs } from './eviction-due.ts';

const unreachable = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: t0 };
const dead = { key: 'coracle.dev/node-dead', effect: 'NoExecute', timeAdded: t0 };
const byDefault = [
  { key: unreachable.key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
];

describe('tolerates', () => {
  it.each([
    [{ operator: 'Exists' }, true],
    [{ key: unreachable.key, operator: 'Exists' }, true],
    [{ key: unreachable.key, operator: 'Equal', value: '' }, true],
    [{ key: unreachable.key, value: 'x' }, false],
    [{ key: unreachable.key, operator: 'Exists', effect: 'NoSchedule' }, false],
    [{ key: 'other', operator: 'Exists' }, false],
    [{}, false],
  ])('of %o is %s', (toleration, expected) => {
    expect(tolerates(toleration, unreachable)).toBe(expected);
  });
});

describe('evictionDueMs', () => {
  it('is five minutes after an unreachable taint by default, counted from the taint', () => {
    expect(evictionDueMs([unreachable], byDefault, t0Ms + 100_000)).toBe(t0Ms + 300_000);
  });

  it('is at once for a dead node, which the default tolerations do not match', () => {
    expect(evictionDueMs([unreachable, dead], byDefault, t0Ms)).toBe(0);
  });

  it('is never for what tolerates everything', () => {
    expect(evictionDueMs([unreachable, dead], [{ operator: 'Exists' }], t0Ms)).toBeUndefined();
    expect(evictionDueMs([], [], t0Ms)).toBeUndefined();
  });

  it('is the shortest of several', () => {
    const short = { operator: 'Exists', tolerationSeconds: 10 };
    expect(evictionDueMs([unreachable], [...byDefault, short], t0Ms)).toBe(t0Ms + 10_000);
  });
});
