import { type DomainPlugin, type DomainRule, type Rejection, wholeCluster } from '../../framework/plugin.ts';

const taken: Rejection = {
  reasons: ['node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'],
  isFinal: false,
  change: 'the end of the pod that uses the claim',
};

/** A claim with access mode ReadWriteOncePod is used by one pod at a time, wherever that is. */
export const volumeRestrictions: DomainPlugin = {
  name: 'VolumeRestrictions',
  weight: 0,
  looksAtOtherPods: ({ volumes }) => volumes.exclusive !== undefined,
  rulesOf: ({ volumes }, counters) =>
    (volumes.exclusive ?? []).map((claim): DomainRule => {
      const users = counters.counter({
        id: `claim ${claim}`,
        topologyKey: wholeCluster,
        counts: (pod) => pod.volumes.claims?.includes(claim) === true,
        liveOnly: false,
      });
      return {
        id: `claim ${claim}`,
        topologyKey: wholeCluster,
        counters: [users],
        isHard: true,
        reject: () => (users.total > 0 ? taken : undefined),
        score: () => 0,
        threshold: { affects: 'all', value: () => Math.min(1, users.total) },
      };
    }),
};
