import { labelOf } from '../../framework/node-affinity-term.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

/** Older volumes say by zone labels where they can be reached. */
export const volumeZone: NodeFilter = {
  name: 'VolumeZone',
  isStanding: true,
  concerns: ({ volumes }) => volumes.zones.length > 0,
  admits: (pod, node) => isInZone(pod, node),
  reject: () => ({
    reasons: ['node(s) had no available volume zone'],
    isFinal: true,
    change: "a node in the volume's zone",
  }),
};

const place = { zone: 'topology.kubernetes.io/zone', region: 'topology.kubernetes.io/region' };
/** Older labels of the same. */
const newer: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': place.zone,
  'failure-domain.beta.kubernetes.io/region': place.region,
};
const placeLabels = [...Object.keys(newer), ...Object.values(place)];

/** A node without any such label is in no zone and takes every volume; one with some must have the volume's, too. */
const isInZone = ({ volumes }: PodClass, node: NodeInfo): boolean =>
  placeLabels.every((key) => labelOf(node, key) === undefined) ||
  volumes.zones.every((labels) =>
    Object.entries(labels).every(([key, values]) => {
      const value = labelOf(node, key) ?? labelOf(node, newer[key] ?? key);
      return value !== undefined && values.split('__').includes(value);
    }),
  );
