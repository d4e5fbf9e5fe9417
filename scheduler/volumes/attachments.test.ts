import { expect, it } from 'vitest';
import type { PersistentVolume } from '../../api/generated/core-v1.ts';
import type { VolumeAttachment } from '../../api/generated/storage-v1.ts';
import { Attachments } from './attachments.ts';

const metaOf = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '' });
const attachment = (name: string, nodeName: string, volume: string): VolumeAttachment => ({
  ...{ apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttachment', metadata: metaOf(name) },
  spec: { attacher: 'disk.example', nodeName, source: { persistentVolumeName: volume } },
});
const csi = { driver: 'disk.example', volumeHandle: 'h' };
const volumes: Readonly<Record<string, PersistentVolume['spec']>> = {
  bound: { csi, claimRef: { namespace: 'one', name: 'data' } },
  free: { csi },
  local: { hostPath: { path: '/data' } },
};

function volumeOf(name: string): PersistentVolume | undefined {
  const spec = volumes[name];
  return spec && { apiVersion: 'v1', kind: 'PersistentVolume', metadata: metaOf(name), spec };
}

it('knows which volumes of storage drivers are attached to a node, by the claims that have them', () => {
  const attachments = new Attachments();
  const all = ['bound', 'free', 'local', 'unknown'].map((volume) => attachment(`a-${volume}`, 'a', volume));
  for (const each of all) attachments.add(each);
  const claims = () => attachments.volumesOn('a', volumeOf).map(({ driver, claim }) => `${driver} ${claim}`);
  expect(claims()).toEqual(['disk.example one/data', 'disk.example volume free']);
  expect(attachments.volumesOn('b', volumeOf)).toEqual([]);
  for (const each of all) attachments.remove(each);
  expect(claims()).toEqual([]);
});

it('knows to which nodes a volume is attached', () => {
  const attachments = new Attachments();
  const [first, second] = [attachment('one', 'a', 'bound'), attachment('two', 'b', 'bound')];
  attachments.add(first);
  attachments.add(second);
  expect(attachments.nodesOf('bound')).toEqual(['a', 'b']);
  attachments.remove(first);
  expect(attachments.nodesOf('bound')).toEqual(['b']);
  expect(attachments.nodesOf('free')).toEqual([]);
});
