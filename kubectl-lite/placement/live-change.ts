/** Reads the workloads that a question names, and lets the server complete what would be made: by dry run only. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { Place } from '../api.ts';
import { usageError } from '../cli-error.ts';
import type { Invocation } from '../command.ts';
import { type Located, locateManifests } from '../located.ts';
import { itemsOf } from '../printers/objects.ts';
import type { Session } from '../session.ts';
import { parseOne } from '../targets.ts';
import type { Change } from './forecast.ts';
import type { Snapshot } from './snapshot.ts';
import {
  comingPods,
  makersOf,
  newNames,
  noChange,
  podOf,
  podsOf,
  replicasOf,
  specOf,
  surplusOf,
  together,
  toMaker,
  workloadKinds,
} from './workload-change.ts';

const dryRun = { dryRun: 'All' } as const;

/** `scale deploy/x --replicas=50` */
export async function scaleChange({ session, flags, args }: Invocation, snapshot: Snapshot): Promise<Change> {
  const replicas = flags.number('replicas');
  if (replicas === undefined || replicas < 0)
    throw usageError('scale: --replicas=COUNT is required, 0 or more');
  const { kind, name } = await parseOne(args.slice(1), await session.kinds());
  const workload = await (await session.api()).get({
    kind,
    name,
    namespace: await session.namespaceFor(kind),
  });
  if (!workloadKinds.has(workload.kind) || workload.kind === 'Job')
    throw usageError(`${workload.kind} ${name} cannot be scaled`);
  return resized(session, snapshot, workload, replicas);
}

async function resized(
  session: Session,
  snapshot: Snapshot,
  workload: AnyObject,
  replicas: number,
): Promise<Change> {
  const makers = makersOf(workload, await replicaSetsFor(session, workload));
  const pods = podsOf(snapshot, makers).filter(({ isLive }) => isLive);
  const isOrdinal = workload.kind === 'StatefulSet';
  if (replicas <= pods.length) return { ...noChange, removed: surplusOf(pods, replicas, isOrdinal) };
  const [newest] = makers;
  const maker = toMaker(newest ?? workload, newest?.kind ?? workload.kind);
  if (maker === undefined) throw usageError(`${workload.kind} ${workload.metadata.name} has no pod template`);
  const names = newNames(maker, pods.length, replicas - pods.length);
  const model = await completed(session, podOf({ ...maker, kind: kindOfMaker(workload) }, names[0] ?? ''));
  return { ...noChange, coming: comingPods(snapshot, model, names) };
}

const kindOfMaker = ({ kind }: AnyObject): string => (kind === 'Deployment' ? 'ReplicaSet' : kind);

async function replicaSetsFor(
  session: Session,
  { kind, metadata }: AnyObject,
): Promise<readonly AnyObject[]> {
  if (kind !== 'Deployment') return [];
  const replicaSets = await (await session.kinds()).byName('replicasets.apps');
  return itemsOf(await (await session.api()).get({ kind: replicaSets, namespace: metadata.namespace }));
}

/** With the server's defaults, its admission's and its quotas' word. */
async function completed(session: Session, pod: Pod): Promise<Pod> {
  const kind = await (await session.kinds()).byName('pods');
  const place = { kind, namespace: pod.metadata.namespace };
  return (await (await session.api()).create(place, pod, dryRun)) as AnyObject & Pod;
}

/** `apply -f x.yaml`: what takes no room on nodes is left out. */
export async function applyChange({ session }: Invocation, snapshot: Snapshot): Promise<Change> {
  const changes: Change[] = [];
  for (const located of await locateManifests(session)) {
    const { kind } = located.object;
    if (kind === 'Pod' || workloadKinds.has(kind)) changes.push(await appliedOne(session, snapshot, located));
    else if (kind === 'DaemonSet' || kind === 'CronJob')
      session.io.err(`Warning: pods of a ${kind} are not forecast: ${located.name ?? ''}\n`);
  }
  return together(changes);
}

async function appliedOne(session: Session, snapshot: Snapshot, located: Located): Promise<Change> {
  const { kind, namespace, name, object } = located;
  const api = await session.api();
  const live = name === undefined ? undefined : await find(session, { kind, namespace, name });
  if (kind.kind === 'Pod') {
    if (live !== undefined) return noChange;
    const pod = (await api.create({ kind, namespace }, object, dryRun)) as AnyObject & Pod;
    return { ...noChange, coming: comingPods(snapshot, pod, [pod.metadata.name]) };
  }
  const wanted =
    live === undefined
      ? await api.create({ kind, namespace }, object, dryRun)
      : await api.patch({ kind, namespace, name }, 'strategic-merge-patch', object, dryRun);
  if (live !== undefined && JSON.stringify(specOf(live).template) === JSON.stringify(specOf(wanted).template))
    return resized(session, snapshot, wanted, replicasOf(wanted));
  return replacedAll(session, snapshot, wanted, live);
}

/** All pods of the old template go, and as many as are wanted come from the new one. */
async function replacedAll(
  session: Session,
  snapshot: Snapshot,
  wanted: AnyObject,
  live: AnyObject | undefined,
): Promise<Change> {
  const makers = live === undefined ? [] : makersOf(live, await replicaSetsFor(session, live));
  const removed = podsOf(snapshot, makers);
  const maker = toMaker(wanted, kindOfMaker(wanted));
  const count = replicasOf(wanted);
  if (maker === undefined || count === 0) return { ...noChange, removed };
  const names = newNames(maker, 0, count);
  // A name of its own: a pod of a StatefulSet that is there already would be refused.
  const model = await completed(session, podOf(maker, `${maker.name}-what-if`));
  return { ...noChange, removed, coming: comingPods(snapshot, model, names) };
}

async function find(session: Session, place: Place): Promise<AnyObject | undefined> {
  try {
    return await (await session.api()).get(place);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
