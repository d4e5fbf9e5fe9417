import { labelOf, matchesNodeSelectorTerm } from '../../framework/node-affinity-term.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

/** Bound volumes say where they can be reached: by node affinity, or by zone labels of older volumes. */
export const volumeBinding: NodeFilter = {
  name: 'VolumeBinding',
  concerns: ({ volumes }) =>
    volumes.lacksVolume === true || volumes.nodeAffinities.length + volumes.zones.length > 0,
  admits: (pod, node) => !lacksVolume(pod) && isReachable(pod, node) && isInZone(pod, node),
  reject(pod, node) {
    const isFinal = true;
    if (!isReachable(pod, node))
      return {
        reasons: ["node(s) didn't match PersistentVolume's node affinity"],
        isFinal,
        change: "a node that the volume's node affinity admits",
      };
    if (!isInZone(pod, node))
      return {
        reasons: ['node(s) had no available volume zone'],
        isFinal,
        change: "a node in the volume's zone",
      };
    return {
      reasons: ["node(s) didn't find available persistent volumes to bind"],
      isFinal,
      change: 'an available volume for the claim',
    };
  },
};

const lacksVolume = ({ volumes }: PodClass): boolean => volumes.lacksVolume === true;

const isReachable = ({ volumes }: PodClass, node: NodeInfo): boolean =>
  volumes.nodeAffinities.every((terms) => terms.some((term) => matchesNodeSelectorTerm(term, node)));

/** A node without any such label is in no zone and takes every volume, as in Kubernetes. */
const isInZone = ({ volumes }: PodClass, node: NodeInfo): boolean =>
  volumes.zones.every((labels) =>
    Object.entries(labels).every(([key, values]) => {
      const value = labelOf(node, key);
      return value === undefined || values.split('__').includes(value);
    }),
  );
