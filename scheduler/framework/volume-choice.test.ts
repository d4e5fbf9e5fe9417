import { describe, expect, it } from 'vitest';
import { chooseVolumes } from './volume-choice.ts';
import type { AvailableVolume, UnboundClaim } from './volume-needs.ts';

const node = { name: 'a', labels: { 'kubernetes.io/hostname': 'a' } };
const on = (host: string, name: string): AvailableVolume => ({
  name,
  terms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [host] }] }],
});
const wants = (volumes: AvailableVolume[], more: Partial<UnboundClaim> = {}): UnboundClaim => ({
  ...{ claim: 'default/c', volumes, provisioned: undefined, selectedNode: undefined, ...more },
});

describe('the volumes that claims take on a node', () => {
  it.each([
    ['the first that is there', [wants([on('b', 'x'), on('a', 'y')])], [{ volume: 'y' }]],
    [
      'each another',
      [wants([on('a', 'x')]), wants([on('a', 'x'), on('a', 'y')])],
      [{ volume: 'x' }, { volume: 'y' }],
    ],
    ['none when there are too few', [wants([on('a', 'x')]), wants([on('a', 'x')])], undefined],
    ['one that is made when none is there', [wants([on('b', 'x')], { provisioned: [] })], ['made']],
    ['none where none is made', [wants([], { provisioned: on('b', '').terms })], undefined],
    [
      'none when one is being made elsewhere',
      [wants([on('a', 'x')], { provisioned: [], selectedNode: 'b' })],
      undefined,
    ],
  ])('are %s', (_, claims, choice) => {
    expect(chooseVolumes(claims, node)).toEqual(choice);
  });
});
