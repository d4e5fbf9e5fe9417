/** Reads what a placement depends on, with the rights of whoever asks; writes nothing. */
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type {
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import type { PodGroup } from '../../api/generated/scheduling-x-v1alpha1.ts';
import type { CSINode, StorageClass, VolumeAttachment } from '../../api/generated/storage-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { StatusError } from '../../api/status-error.ts';
import { readConfiguration } from '../../scheduler/configuration.ts';
import { type StrategyName, strategyNames } from '../../scheduler/strategies/registry.ts';
import type { VolumeLookup } from '../../scheduler/volume-state.ts';
import { usageError } from '../cli-error.ts';
import { itemsOf } from '../printers/objects.ts';
import type { Session } from '../session.ts';
import { Snapshot } from './snapshot.ts';

const pageSize = 1_000;
const nodeLeases = 'kube-node-lease';

/** Lists nodes, pods and what else decides; a list that is refused and that only refines the answer is left out, and said. */
export async function readSnapshot(session: Session): Promise<Snapshot> {
  const { flags } = session;
  const config = flags.text('scheduler-config');
  const [namespaces, nodes, budgets, volumes, csiNodes, attachments, leases, groups] = await Promise.all([
    listAll<Namespace>(session, 'namespaces', { isOptional: true }),
    listAll<Node>(session, 'nodes'),
    listAll<PodDisruptionBudget>(session, 'poddisruptionbudgets', { isOptional: true }),
    readVolumes(session),
    listAll<CSINode>(session, 'csinodes.storage.k8s.io', { isOptional: true }),
    listAll<VolumeAttachment>(session, 'volumeattachments.storage.k8s.io', { isOptional: true }),
    listAll<Lease>(session, 'leases.coordination.k8s.io', { namespace: nodeLeases, isOptional: true }),
    listAll<PodGroup>(session, 'podgroups.scheduling.x-k8s.io', { isOptional: true }),
  ]);
  const configured = config === undefined ? undefined : readConfiguration(config);
  const snapshot = new Snapshot({
    namespaces,
    nodes,
    budgets,
    volumes,
    csiNodes,
    attachments,
    strategy: strategyOf(session),
    configured,
  });
  // Page by page: what is kept of a pod is a fraction of what is sent.
  for await (const pods of pagesOf<Pod>(session, 'pods', undefined))
    for (const pod of pods) snapshot.addPod(pod);
  for (const group of groups) snapshot.addGroup(group);
  snapshot.addLoad(leases, session.clock);
  return snapshot;
}

function strategyOf({ flags }: Session): StrategyName {
  const asked = flags.text('strategy');
  const strategy = strategyNames.find((name) => name === asked);
  if (strategy === undefined)
    throw usageError(`--strategy is one of ${strategyNames.join(', ')}, not "${asked}"`);
  return strategy;
}

async function readVolumes(session: Session): Promise<VolumeLookup> {
  const optional = { isOptional: true };
  const [claims, volumes, classes] = await Promise.all([
    listAll<PersistentVolumeClaim>(session, 'persistentvolumeclaims', optional),
    listAll<PersistentVolume>(session, 'persistentvolumes', optional),
    listAll<StorageClass>(session, 'storageclasses.storage.k8s.io', optional),
  ]);
  const claimsByName = new Map(claims.map((claim) => [keyOf(claim.metadata), claim]));
  const volumesByName = new Map(volumes.map((volume) => [volume.metadata.name, volume]));
  const classesByName = new Map(classes.map((each) => [each.metadata.name, each]));
  return {
    claim: (namespace, name) => claimsByName.get(keyOf({ namespace, name })),
    volume: (name) => volumesByName.get(name),
    storageClass: (name) => classesByName.get(name),
    volumes: () => volumes,
  };
}

const keyOf = ({
  namespace,
  name,
}: {
  readonly namespace?: string | undefined;
  readonly name: string;
}): string => `${namespace ?? ''}/${name}`;

async function listAll<T>(
  session: Session,
  resource: string,
  { namespace, isOptional = false }: { readonly namespace?: string; readonly isOptional?: boolean } = {},
): Promise<T[]> {
  const found: T[] = [];
  try {
    for await (const page of pagesOf<T>(session, resource, namespace)) found.push(...page);
  } catch (error) {
    if (!isOptional || !(error instanceof StatusError) || error.reason !== 'Forbidden') throw error;
    session.io.err(`Warning: ${resource} may not be listed; the answer leaves them out\n`);
  }
  return found;
}

async function* pagesOf<T>(
  session: Session,
  resource: string,
  namespace: string | undefined,
): AsyncGenerator<readonly T[]> {
  const api = await session.api();
  const kind = await (await session.kinds()).byName(resource);
  let token: string | undefined;
  do {
    const list = await api.get({ kind, namespace }, { query: { limit: pageSize, continue: token } });
    yield itemsOf(list) as (AnyObject & T)[];
    const { continue: next }: { readonly continue?: string } = Object(list.metadata);
    token = next === '' ? undefined : next;
  } while (token !== undefined);
}
