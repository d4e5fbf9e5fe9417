import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods, replicasets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { type Random, randomSuffix } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { isTransportError } from '../../client/transport-error.ts';
import { isControlledBy, toControllerReference } from '../ownership.ts';

/** Names are cut so that name and suffix fit a DNS label. */
const maxGenerateName = 58;

/** A name for a new pod, chosen here and not by the server: a request without an answer can then be looked up. */
export function newPodName(replicaSet: ReplicaSet, random: Random): string {
  return `${generateName(replicaSet)}${randomSuffix(random)}`;
}

export function toPod(replicaSet: ReplicaSet, name: string): NewObject<Pod> {
  const { template } = replicaSet.spec;
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      generateName: generateName(replicaSet),
      namespace: replicaSet.metadata.namespace,
      labels,
      annotations,
      finalizers,
      ownerReferences: [toControllerReference(replicasets, replicaSet)],
    },
    spec: template?.spec ?? { containers: [] },
  };
}

/**
 * Creates the pod, or finds that an attempt that brought no answer had created it.
 * @returns undefined when it cannot be told whether it exists: the server answers nothing.
 */
export async function createPod(
  client: ApiClient,
  replicaSet: ReplicaSet,
  name: string,
): Promise<Pod | undefined> {
  try {
    return await client.create(pods, toPod(replicaSet, name));
  } catch (error) {
    if (!isTransportError(error) && !isAlreadyExists(error)) throw error;
    const found = await findPod(client, replicaSet, name);
    if (found === 'absent') throw error;
    if (found !== 'unknown' && !isControlledBy(found, replicaSet)) throw error;
    return found === 'unknown' ? undefined : found;
  }
}

async function findPod(
  client: ApiClient,
  replicaSet: ReplicaSet,
  name: string,
): Promise<Pod | 'absent' | 'unknown'> {
  try {
    return await client.get(pods, { namespace: replicaSet.metadata.namespace, name });
  } catch (error) {
    return isNotFound(error) ? 'absent' : 'unknown';
  }
}

function generateName({ metadata }: ReplicaSet): string {
  return `${metadata.name.slice(0, maxGenerateName - 1)}-`;
}
