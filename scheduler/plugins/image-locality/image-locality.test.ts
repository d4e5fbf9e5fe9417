import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../../api/generated/core-v1.ts';
import { aNode, aPod } from '../../../test/support/scheduling-objects.ts';
import { NodeRecord, NodeUsage, toNodeFacts } from '../../framework/node-info.ts';
import { toPodClass } from '../../framework/pod-class.ts';
import { imageLocality } from './image-locality.ts';

const mebi = 1024 * 1024;
const node = aNode();
const images = [
  { names: ['registry.test/big:latest', 'registry.test/big@sha256:aa'], sizeBytes: 500 * mebi },
  { names: ['registry.test/small:1'], sizeBytes: 23 * mebi },
];
const withImages = new NodeRecord(
  0,
  toNodeFacts({ ...node, status: { ...node.status, images } }),
  new NodeUsage(),
);
const points = (spec: Partial<PodSpec>): number =>
  imageLocality.score(toPodClass(aPod({ spec })), withImages);
const container = (image: string) => ({ name: 'main', image });
const shareOf = (mebibytes: number, count: number): number => (100 * (mebibytes - 23)) / (1_000 * count - 23);

describe('points for images that are there', () => {
  it.each<[string, Partial<PodSpec>, number]>([
    ['nothing is there', { containers: [container('other')] }, 0],
    ['no tag means latest', { containers: [container('registry.test/big')] }, shareOf(500, 1)],
    ['a digest is a name', { containers: [container('registry.test/big@sha256:aa')] }, shareOf(500, 1)],
    ['what is small is not worth it', { containers: [container('registry.test/small:1')] }, 0],
    [
      'images of init containers count',
      { initContainers: [container('registry.test/big')], containers: [container('registry.test/small:1')] },
      shareOf(523, 2),
    ],
    [
      'and so do images that are volumes',
      {
        containers: [container('registry.test/small:1')],
        volumes: [{ name: 'model', image: { reference: 'registry.test/big' } }],
      },
      shareOf(523, 2),
    ],
  ])('%s', (_, spec, expected) => {
    expect(points(spec)).toBeCloseTo(expected, 6);
  });
});
