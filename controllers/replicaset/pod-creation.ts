import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods, replicasets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists } from '../../api/status-error.ts';
import { type Random, randomSuffix } from '../../base/random.ts';
import { isControlledBy, toControllerReference } from '../ownership.ts';
import { type RequestContext, untilAnswered } from '../until-answered.ts';

/** Names are cut so that name and suffix fit a DNS label. */
const maxGenerateName = 58;

/** A name for a new pod, chosen here and not by the server: a request without an answer can then be repeated. */
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
 * Creates the pod, or finds that an earlier attempt had created it. An attempt without an answer may still be carried
 * out at any later time, so it is repeated under its name, which nobody can have twice.
 * @returns undefined when `signal` aborts before the server answers.
 */
export async function createPod(
  context: RequestContext,
  replicaSet: ReplicaSet,
  name: string,
): Promise<Pod | undefined> {
  const { client } = context;
  return untilAnswered(context, async () => {
    try {
      return await client.create(pods, toPod(replicaSet, name));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const found = await client.get(pods, { namespace: replicaSet.metadata.namespace, name });
      if (!isControlledBy(found, replicaSet)) throw error;
      return found;
    }
  });
}

function generateName({ metadata }: ReplicaSet): string {
  return `${metadata.name.slice(0, maxGenerateName - 1)}-`;
}
