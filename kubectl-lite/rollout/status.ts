import type { DaemonSet, Deployment, StatefulSet } from '../../api/generated/apps-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { usageError } from '../cli-error.ts';

export interface RolloutStatus {
  readonly text: string;
  readonly isDone: boolean;
}

/** How far a rollout has come, in kubectl's words. @throws CliError when it has failed */
export function rolloutStatusOf(kind: KindInfo, object: AnyObject): RolloutStatus {
  switch (kind.kind) {
    case 'Deployment':
      return deploymentStatus(object as AnyObject & Deployment);
    case 'DaemonSet':
      return daemonSetStatus(object as AnyObject & DaemonSet);
    case 'StatefulSet':
      return statefulSetStatus(object as AnyObject & StatefulSet);
    default:
      throw usageError(`no status viewer has been implemented for ${kind.kind}`);
  }
}

const waiting = (text: string): RolloutStatus => ({ text: `${text}\n`, isDone: false });

function deploymentStatus({ metadata, spec, status = {} }: Deployment): RolloutStatus {
  const { name, generation = 0 } = metadata;
  if (generation > (status.observedGeneration ?? 0))
    return waiting('Waiting for deployment spec update to be observed...');
  const progressing = status.conditions?.find((condition) => condition.type === 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded')
    throw usageError(`deployment "${name}" exceeded its progress deadline`);
  const wanted = spec?.replicas ?? 1;
  const { updatedReplicas: updated = 0, replicas = 0, availableReplicas: available = 0 } = status;
  const prefix = `Waiting for deployment "${name}" rollout to finish:`;
  if (updated < wanted)
    return waiting(`${prefix} ${updated} out of ${wanted} new replicas have been updated...`);
  if (replicas > updated)
    return waiting(`${prefix} ${replicas - updated} old replicas are pending termination...`);
  if (available < updated)
    return waiting(`${prefix} ${available} of ${updated} updated replicas are available...`);
  return { text: `deployment "${name}" successfully rolled out\n`, isDone: true };
}

function daemonSetStatus({ metadata, status }: DaemonSet): RolloutStatus {
  const { name, generation = 0 } = metadata;
  if (generation > (status?.observedGeneration ?? 0))
    return waiting('Waiting for daemon set spec update to be observed...');
  const wanted = status?.desiredNumberScheduled ?? 0;
  const updated = status?.updatedNumberScheduled ?? 0;
  const available = status?.numberAvailable ?? 0;
  const prefix = `Waiting for daemon set "${name}" rollout to finish:`;
  if (updated < wanted) return waiting(`${prefix} ${updated} out of ${wanted} new pods have been updated...`);
  if (available < wanted) return waiting(`${prefix} ${available} of ${wanted} updated pods are available...`);
  return { text: `daemon set "${name}" successfully rolled out\n`, isDone: true };
}

function statefulSetStatus({ metadata, spec, status }: StatefulSet): RolloutStatus {
  const { generation = 0 } = metadata;
  if ((status?.observedGeneration ?? 0) === 0 || generation > (status?.observedGeneration ?? 0))
    return waiting('Waiting for statefulset spec update to be observed...');
  const wanted = spec?.replicas ?? 1;
  const ready = status?.readyReplicas ?? 0;
  if (ready < wanted) return waiting(`Waiting for ${wanted - ready} pods to be ready...`);
  const updated = status?.updatedReplicas ?? 0;
  if (status?.updateRevision !== status?.currentRevision)
    return waiting(
      `waiting for statefulset rolling update to complete ${updated} pods at revision ${status?.updateRevision}...`,
    );
  const current = status?.currentReplicas ?? 0;
  return {
    text: `statefulset rolling update complete ${current} pods at revision ${status?.currentRevision}...\n`,
    isDone: true,
  };
}
