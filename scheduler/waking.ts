/** The waker and the preemptor, which know each other: victims wake, and who may be woken may ask for victims. */
import type { Clock } from '../base/clock.ts';
import type { Cluster } from './cache/cluster.ts';
import type { PodGroups } from './groups/pod-groups.ts';
import { onceATurn } from './once-a-turn.ts';
import { Preemptor, type PreemptorOptions } from './preemption/preemptor.ts';
import type { Profiles } from './profile.ts';
import type { SchedulingQueue } from './queue/scheduling-queue.ts';
import { Waker, type WakerOptions } from './waker.ts';

export interface WakingParts {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly clock: Clock;
  readonly profiles: Profiles;
  readonly groups: Pick<PodGroups, 'has'>;
  readonly evictor: PreemptorOptions['evictor'];
}

export function createWaking({ cluster, queue, clock, profiles, groups, evictor }: WakingParts): {
  readonly waker: Waker;
  readonly preemptor: Preemptor;
} {
  const contextOf: WakerOptions['contextOf'] = ({ schedulerName }) => profiles.get(schedulerName)?.context;
  const waker = new Waker({
    ...{ cluster, queue, clock, contextOf },
    isMember: (uid) => groups.has(uid),
    preemptionHelps(pod, node) {
      const context = contextOf(pod);
      return context !== undefined && preemptor.helpsOn(context, pod, node);
    },
  });
  const preemptor = new Preemptor({
    evictor,
    // When the preempting pod has been parked, which may be helped by that already.
    onLeaving: onceATurn(() => waker.podsChanged()),
    onDisplaced: (uid) => queue.wakeOne(uid),
    onStaying(node, uid) {
      queue.backOff(uid);
      waker.nodeChanged(node);
      waker.podsChanged();
    },
  });
  return { waker, preemptor };
}
