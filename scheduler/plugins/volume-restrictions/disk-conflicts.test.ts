import { describe, expect, it } from 'vitest';
import type { Volume } from '../../../api/generated/core-v1.ts';
import { aNode, aPod } from '../../../test/support/scheduling-objects.ts';
import { NodeRecord, NodeUsage, toNodeFacts } from '../../framework/node-info.ts';
import { type PodClass, toPodClass } from '../../framework/pod-class.ts';
import { placedVolumeNeedsOf, volumeNeedsOf } from '../../volume-state.ts';
import { diskConflicts } from './disk-conflicts.ts';

type Disk = Omit<Volume, 'name'>;

const nothing = (): undefined => undefined;
const lookup = { claim: nothing, volume: nothing, storageClass: nothing };
const podOf = (disk: Disk): PodClass => {
  const pod = aPod({ spec: { volumes: [{ name: 'data', ...disk }] } });
  return toPodClass(pod, volumeNeedsOf(pod, lookup));
};
const placedOf = (disk: Disk): PodClass => {
  const pod = aPod({ spec: { nodeName: 'node-1', volumes: [{ name: 'data', ...disk }] } });
  return toPodClass(pod, placedVolumeNeedsOf(pod, lookup));
};
const isAdmittedBeside = (there: Disk, wanted: Disk): boolean => {
  const usage = new NodeUsage();
  usage.add(placedOf(there), true);
  return diskConflicts.admits(podOf(wanted), new NodeRecord(0, toNodeFacts(aNode()), usage));
};

const persistent = (pdName: string, readOnly?: boolean): Disk => ({
  gcePersistentDisk: { pdName, readOnly },
});
const elastic = (volumeID: string, readOnly?: boolean): Disk => ({
  awsElasticBlockStore: { volumeID, readOnly },
});
const target = (iqn: string, readOnly?: boolean): Disk => ({
  iscsi: { iqn, targetPortal: '192.0.2.1', lun: 0, readOnly },
});
const ceph = (monitors: string[], image: string, more: { pool?: string; readOnly?: boolean } = {}): Disk => ({
  rbd: { monitors, image, ...more },
});

describe('a disk that a pod names itself', () => {
  it.each<[string, Disk, Disk, boolean]>([
    ['another disk is no obstacle', persistent('a'), persistent('b'), true],
    ['is written by one pod', persistent('a'), persistent('a'), false],
    ['has no reader beside its writer', persistent('a'), persistent('a', true), false],
    ['has no writer beside its reader', persistent('a', true), persistent('a'), false],
    ['is read by several', persistent('a', true), persistent('a', true), true],
    ['of a kind that is never shared has one pod', elastic('a', true), elastic('a', true), false],
    ['another of that kind may be there', elastic('a'), elastic('b'), true],
    ['kinds have names of their own', elastic('a'), persistent('a'), true],
    ['a target is used by one pod', target('iqn.a'), target('iqn.a'), false],
    ['a target is read by several', target('iqn.a', true), target('iqn.a', true), true],
    ['another target may be there', target('iqn.a'), target('iqn.b'), true],
    ['an image is known by any of its monitors', ceph(['m1', 'm2'], 'i'), ceph(['m2', 'm3'], 'i'), false],
    ['other monitors have other images', ceph(['m1'], 'i'), ceph(['m2'], 'i'), true],
    ['and so have other pools', ceph(['m1'], 'i', { pool: 'p' }), ceph(['m1'], 'i'), true],
    [
      'an image is read by several',
      ceph(['m'], 'i', { readOnly: true }),
      ceph(['m'], 'i', { readOnly: true }),
      true,
    ],
  ])('%s', (_, there, wanted, isAdmitted) => {
    expect(isAdmittedBeside(there, wanted)).toBe(isAdmitted);
  });

  it('is kept for a pod that waits for its node', () => {
    const usage = new NodeUsage();
    const node = new NodeRecord(0, toNodeFacts(aNode()), usage);
    const pod = podOf(persistent('a'));
    usage.nominations = [{ uid: 'waits', podClass: { ...pod, priority: 1 } }];
    expect(diskConflicts.admits(pod, node)).toBe(false);
    expect(diskConflicts.admits({ ...pod, priority: 2 }, node)).toBe(true);
    expect(diskConflicts.reject(pod, node)).toMatchObject({ isFinal: false });
  });

  it('concerns no pod without one', () => {
    expect(diskConflicts.concerns(podOf({ emptyDir: {} }))).toBe(false);
    expect(diskConflicts.concerns(podOf(persistent('a')))).toBe(true);
  });
});
