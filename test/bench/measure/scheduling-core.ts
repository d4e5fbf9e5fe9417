/** The pure core, by CPU time: no sockets, no queue. */
import { Cluster } from '../../../scheduler/cache/cluster.ts';
import { PlacementIndex } from '../../../scheduler/cache/placement-index.ts';
import { DiagnosisMemo } from '../../../scheduler/diagnosis-memo.ts';
import { type PodClass, PodClasses } from '../../../scheduler/framework/pod-class.ts';
import { defaultPlugins } from '../../../scheduler/plugin-registry.ts';
import { PreemptionIndex } from '../../../scheduler/preemption/preemption-index.ts';
import { type SchedulingContext, schedule } from '../../../scheduler/schedule.ts';
import { leastLoaded } from '../../../scheduler/strategies/least-loaded.ts';
import { aNode, aPod } from '../../support/scheduling-objects.ts';
import { podsOf, type SchedulingWorkload, zoneKey } from './scheduling-workloads.ts';

const placements = 20_000;

/** Nodes that 50 of take `placements` pods. */
function contextOf(nodeCount: number, cpu: string, zones: readonly string[] = []): SchedulingContext {
  const cluster = new Cluster();
  for (let i = 0; i < nodeCount; i += 1) {
    const zone = zones[i % zones.length];
    const labels = zone === undefined ? undefined : { [zoneKey]: zone };
    cluster.setNode(aNode({ name: `n${i}`, cpu, memory: '512Gi', pods: 100_000, labels }));
  }
  return { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
}

/** Seconds of CPU that `work` takes. */
function cpuSeconds(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

interface Waiting {
  readonly uid: string;
  readonly podClass: PodClass;
}

function place(context: SchedulingContext, { uid, podClass }: Waiting): boolean {
  const node = schedule(context, podClass, leastLoaded);
  if (node === undefined) return false;
  context.cluster.assume(
    { ...{ uid, name: uid, podClass, nodeName: node.name }, ...{ isLive: true, isAssumed: true } },
    node,
  );
  return true;
}

/** Places the same pods again and again: at a turn `placements`, in rounds after each of which all are taken away. */
export class PlacementLoop {
  readonly #context: SchedulingContext;
  readonly #pods: readonly Waiting[];
  readonly #classes: ReadonlySet<PodClass>;

  constructor(nodeCount: number, workload: SchedulingWorkload) {
    this.#context = contextOf(nodeCount, '64', workload.zones);
    const classes = new PodClasses();
    const count = workload.onePerNode === true ? nodeCount : placements;
    this.#pods = podsOf(workload, count).map((pod) => ({
      uid: pod.metadata.uid,
      podClass: classes.of(pod),
    }));
    this.#classes = new Set(this.#pods.map(({ podClass }) => podClass));
  }

  /** @returns seconds of CPU a placement */
  turn(): number {
    let seconds = 0;
    let placed = 0;
    while (placed < placements) {
      seconds += cpuSeconds(() => {
        for (const pod of this.#pods) if (place(this.#context, pod)) placed += 1;
      });
      for (const { uid } of this.#pods) this.#context.cluster.removePod(uid);
      this.#settle();
    }
    return seconds / placed;
  }

  /** Looks at the nodes that pods left, once for each class: else the next turn's first placements would do it. */
  #settle(): void {
    for (const podClass of this.#classes) schedule(this.#context, podClass, leastLoaded);
  }
}

/** Preemptions per second of CPU: every node is full of pods of low priority. */
export function preemptionRate(nodeCount: number): number {
  const context = contextOf(nodeCount, '4');
  const { cluster } = context;
  const classes = new PodClasses();
  for (let i = 0; i < 4 * nodeCount; i += 1) {
    const pod = aPod({ cpu: '900m', spec: { priority: 1 } });
    const { uid } = pod.metadata;
    cluster.setPod({
      ...{ uid, name: `default/${uid}`, podClass: classes.of(pod), nodeName: `n${i % nodeCount}` },
      ...{ isLive: true, isAssumed: false },
    });
  }
  const memo = new DiagnosisMemo(context);
  const preemption = new PreemptionIndex(context);
  const podClass = classes.of(aPod({ cpu: '3', spec: { priority: 10 } }));
  let planned = 0;
  const once = (i: number): void => {
    const plan = preemption.plan(podClass, memo.diagnosisOf(podClass));
    if (plan.node === undefined) return;
    planned += 1;
    cluster.nominate({ uid: `preemptor-${i}`, podClass }, plan.node);
    for (const victim of plan.victims) cluster.setPod({ ...victim, isLive: false });
  };
  const seconds = cpuSeconds(() => {
    for (let i = 0; i < Math.min(2_000, nodeCount - 1); i += 1) once(i);
  });
  return planned / seconds;
}

/** Pods that fit nowhere, told apart per second of CPU. */
export function rejectionRate(nodeCount: number): number {
  const context = contextOf(nodeCount, '4');
  const podClass = new PodClasses().of(aPod({ cpu: '3000', memory: '1Ki' }));
  const seconds = cpuSeconds(() => {
    for (let i = 0; i < placements; i += 1) place(context, { uid: `${i}`, podClass });
  });
  return placements / seconds;
}
