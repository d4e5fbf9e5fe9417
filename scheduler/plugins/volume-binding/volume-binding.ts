import { matchesNodeSelectorTerm } from '../../framework/node-affinity-term.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter, Rejection } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { chooseVolumes } from '../../framework/volume-choice.ts';

const missing: Rejection = {
  reasons: ['node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)'],
  isFinal: true,
  change: 'the volume that the claim is bound to',
};

/** Bound volumes say where they can be reached; claims that wait for the pod must get a volume on the node. */
export const volumeBinding: NodeFilter = {
  name: 'VolumeBinding',
  concerns: ({ volumes: { lacksVolume, nodeAffinities, unbound = [] } }) =>
    lacksVolume === true || nodeAffinities.length + unbound.length > 0,
  admits: (pod, node) => pod.volumes.lacksVolume !== true && isReachable(pod, node) && canBind(pod, node),
  reject(pod, node) {
    if (pod.volumes.lacksVolume === true) return missing;
    const reached = isReachable(pod, node);
    const bindable = canBind(pod, node);
    return {
      reasons: [
        ...(reached ? [] : ["node(s) didn't match PersistentVolume's node affinity"]),
        ...(bindable ? [] : ["node(s) didn't find available persistent volumes to bind"]),
      ],
      isFinal: true,
      change: reached ? 'an available volume for the claim' : "a node that the volume's node affinity admits",
    };
  },
};

const isReachable = ({ volumes }: PodClass, node: NodeInfo): boolean =>
  volumes.nodeAffinities.every((terms) => terms.some((term) => matchesNodeSelectorTerm(term, node)));

const canBind = ({ volumes }: PodClass, node: NodeInfo): boolean =>
  volumes.unbound === undefined || chooseVolumes(volumes.unbound, node) !== undefined;
