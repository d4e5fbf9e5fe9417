import type { Pod, PodTemplateSpec } from '../api/generated/core-v1.ts';
import { pods } from '../api/generated/resources.ts';
import type { ApiObject, NewObject, ResourceType } from '../api/kind-info.ts';
import { isAlreadyExists, StatusError } from '../api/status-error.ts';
import { type Random, randomSuffix } from '../base/random.ts';
import { isControlledBy, toControllerReference } from './ownership.ts';
import { type RequestContext, untilAnswered } from './until-answered.ts';

/** Names are cut so that name and suffix fit a DNS label. */
const maxGenerateName = 58;

export interface PodOwner<O extends ApiObject> {
  readonly type: ResourceType<O>;
  readonly owner: O;
}

/** `<owner><middle>-`, as `generateName` says it; the owner's name gives way when it is too long. */
export function podNamePrefix(ownerName: string, middle = ''): string {
  const end = `${middle}-`;
  return `${ownerName.slice(0, maxGenerateName - end.length)}${end}`;
}

/** A pod of `template` under a name that is chosen here and not by the server: a request without an answer can then be repeated. */
export function toPod<O extends ApiObject>(
  { type, owner }: PodOwner<O>,
  template: PodTemplateSpec | undefined,
  prefix: string,
  random: Random,
): NewObject<Pod> {
  const { labels, annotations, finalizers } = template?.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${prefix}${randomSuffix(random)}`,
      generateName: prefix,
      namespace: owner.metadata.namespace,
      labels,
      annotations,
      finalizers,
      ownerReferences: [toControllerReference(type, owner)],
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
  owner: ApiObject,
  pod: NewObject<Pod>,
): Promise<Pod | undefined> {
  const { client } = context;
  return untilAnswered(context, async () => {
    try {
      return await client.create(pods, pod);
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { namespace, name = '' } = pod.metadata;
      const found = await client.get(pods, { namespace, name });
      if (!isControlledBy(found, owner)) throw error;
      return found;
    }
  });
}

/** Nothing can be created there any more, and there is no need to say so. */
export function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof StatusError &&
    (error.details?.causes ?? []).some((cause) => cause.reason === 'NamespaceTerminating')
  );
}
