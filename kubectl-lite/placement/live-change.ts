/** Reads the workloads that a question names, and lets the server complete what would be made: by dry run only. */
import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import type { Place } from '../api.ts';
import { usageError } from '../cli-error.ts';
import type { Invocation } from '../command.ts';
import { type Located, locateManifests } from '../located.ts';
import { itemsOf } from '../printers/objects.ts';
import type { Session } from '../session.ts';
import { parseOne } from '../targets.ts';
import { type Change, noChange, together } from './change.ts';
import { daemonPodsOn } from './daemon-pods.ts';
import type { Snapshot } from './snapshot.ts';
import {
  comingPods,
  makersOf,
  newNames,
  podOf,
  podsOf,
  replicasOf,
  specOf,
  surplusOf,
  toMaker,
  workloadKinds,
} from './workload-change.ts';

const dryRun = { dryRun: 'All' } as const;
/** Each is placed by a decision of its own. */
const maxComing = 20_000;

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
  const names = newNames(maker, pods.length, requireFew(replicas - pods.length));
  const model = await completed(session, podOf({ ...maker, kind: kindOfMaker(workload) }, names[0] ?? ''));
  return { ...noChange, coming: comingPods(snapshot, model, names), notes: claimNotes(workload) };
}

function requireFew(count: number): number {
  if (count > maxComing) throw usageError(`what-if places ${maxComing} new pods at most, not ${count}`);
  return count;
}

/** The controller makes claims for each pod, which are not there yet. */
function claimNotes({ kind, metadata, ...rest }: AnyObject): readonly string[] {
  const { volumeClaimTemplates: templates = [] }: { readonly volumeClaimTemplates?: readonly unknown[] } =
    Object(rest['spec']);
  return kind === 'StatefulSet' && templates.length > 0
    ? [`the volumes that new pods of StatefulSet ${metadata.name} will claim are not looked at`]
    : [];
}

const kindOfMaker = ({ kind }: AnyObject): string => (kind === 'Deployment' ? 'ReplicaSet' : kind);

/** Those among which a Deployment's own are; none for other kinds. */
export async function replicaSetsFor(
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
  const skipped = new Set<string>();
  for (const located of await locateManifests(session)) {
    const { kind } = located.object;
    if (kind === 'Pod' || workloadKinds.has(kind)) changes.push(await appliedOne(session, snapshot, located));
    else if (kind === 'DaemonSet') changes.push(await appliedDaemonSet(session, snapshot, located));
    else if (kind === 'CronJob')
      session.io.err(`Warning: pods of a ${kind} are not forecast: ${located.name ?? ''}\n`);
    else skipped.add(kind);
  }
  if (changes.length === 0 && skipped.size > 0)
    session.io.err(`Warning: nothing there takes room on nodes: ${[...skipped].join(', ')}\n`);
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
  const wanted = await appliedObject(session, located, live);
  if (live !== undefined && hasSameTemplate(live, wanted))
    return resized(session, snapshot, wanted, replicasOf(wanted));
  return replacedAll(session, snapshot, wanted, live);
}

/** What the server would store. */
async function appliedObject(
  session: Session,
  { kind, namespace, name, object }: Located,
  live: AnyObject | undefined,
): Promise<AnyObject> {
  const api = await session.api();
  return live === undefined
    ? api.create({ kind, namespace }, object, dryRun)
    : api.patch({ kind, namespace, name }, 'strategic-merge-patch', object, dryRun);
}

const hasSameTemplate = (one: AnyObject, other: AnyObject): boolean =>
  JSON.stringify(specOf(one).template) === JSON.stringify(specOf(other).template);

/** A pod on each node that it is for, in place of those that it has. */
async function appliedDaemonSet(session: Session, snapshot: Snapshot, located: Located): Promise<Change> {
  const { kind, namespace, name } = located;
  const live = name === undefined ? undefined : await find(session, { kind, namespace, name });
  const wanted = await appliedObject(session, located, live);
  if (live !== undefined && hasSameTemplate(live, wanted)) return noChange;
  return {
    ...noChange,
    removed: live === undefined ? [] : podsOf(snapshot, [live]),
    apply: (changed) => daemonPodsOn(changed, wanted, changed.nodeNames()),
  };
}

/** Every DaemonSet that the user may see: each puts a pod on a new node. */
export async function readDaemonSets(session: Session): Promise<readonly AnyObject[]> {
  const kind = await (await session.kinds()).byName('daemonsets.apps');
  try {
    return itemsOf(await (await session.api()).get({ kind }));
  } catch (error) {
    if (!(error instanceof StatusError) || error.reason !== 'Forbidden') throw error;
    session.io.err('Warning: daemonsets may not be listed; the answer leaves their pods out\n');
    return [];
  }
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
  const names = newNames(maker, 0, requireFew(count));
  // A name of its own: a pod of a StatefulSet that is there already would be refused.
  const model = await completed(session, podOf(maker, `${maker.name}-what-if`));
  return { ...noChange, removed, coming: comingPods(snapshot, model, names), notes: claimNotes(wanted) };
}

async function find(session: Session, place: Place): Promise<AnyObject | undefined> {
  try {
    return await (await session.api()).get(place);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
