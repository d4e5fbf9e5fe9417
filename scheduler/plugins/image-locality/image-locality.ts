import { maxScore, type NodeScore } from '../../framework/plugin.ts';

/** Kubernetes' thresholds: below the first an image is not worth a preference, above the second nothing is added. */
const leastBytes = 23 * 1024 * 1024;
const mostBytesPerContainer = 1_000 * 1024 * 1024;

/** Nodes that have the pod's images already are a little better, by the bytes that need not be fetched. */
export const imageLocality: NodeScore = {
  name: 'ImageLocality',
  isStanding: true,
  weight: 1,
  concerns: () => true,
  score(pod, node) {
    if (node.images.size === 0) return 0;
    let bytes = 0;
    for (const image of pod.images) bytes += node.images.get(withTag(image)) ?? 0;
    const most = mostBytesPerContainer * pod.images.length;
    const clamped = Math.min(Math.max(bytes, leastBytes), most);
    return (maxScore * (clamped - leastBytes)) / (most - leastBytes);
  },
};

const withTag = (image: string): string => (/[:@][^/]*$/.test(image) ? image : `${image}:latest`);
