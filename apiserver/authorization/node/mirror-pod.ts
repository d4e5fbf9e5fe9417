import type { Pod } from '../../../api/generated/core-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { namesOf } from './pod-references.ts';

export type MirrorPod = Pod & AnyObject;

export const mirrorAnnotation = 'kubernetes.io/config.mirror';

/** A pod that its node's own files say: the API only shows it. */
export const isMirrorPod = ({ metadata }: Pod): boolean =>
  metadata.annotations?.[mirrorAnnotation] !== undefined;

/** Why a node may not create that pod: it may show the static pods that it runs, and nothing else. */
export function mirrorPodProblem(
  pod: MirrorPod,
  node: { readonly name: string; readonly uid: string | undefined },
): string | undefined {
  const who = `node ${JSON.stringify(node.name)}`;
  if (!isMirrorPod(pod))
    return `pod does not have "${mirrorAnnotation}" annotation, ${who} can only create mirror pods`;
  if (pod.spec?.nodeName !== node.name) return `${who} can only create pods with spec.nodeName set to itself`;
  return ownerProblem(pod, node) ?? referenceProblem(pod, who);
}

function ownerProblem(
  { metadata }: MirrorPod,
  node: { readonly name: string; readonly uid: string | undefined },
): string | undefined {
  const who = `node ${JSON.stringify(node.name)}`;
  const [owner, ...others] = metadata.ownerReferences ?? [];
  if (others.length > 0) return `${who} can only create pods with a single owner reference set to itself`;
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node.name)
    return `${who} can only create pods with an owner reference set to itself`;
  if (owner.controller !== true)
    return `${who} can only create pods with a controller owner reference set to itself`;
  if (owner.blockOwnerDeletion === true)
    return `${who} must not set blockOwnerDeletion on an owner reference`;
  if (owner.uid === node.uid) return undefined;
  return `node ${node.name} UID mismatch: expected ${owner.uid} got ${node.uid ?? ''}`;
}

/** A pod that named an object would give its node the right to read it. */
function referenceProblem(pod: MirrorPod, who: string): string | undefined {
  const names = (resource: Parameters<typeof namesOf>[1]): boolean =>
    namesOf(pod, resource).some((name) => name !== undefined && name !== '');
  if (names('serviceaccounts')) return `${who} can not create pods that reference a service account`;
  if (names('secrets')) return `${who} can not create pods that reference secrets`;
  if (names('configmaps')) return `${who} can not create pods that reference configmaps`;
  const volumes = pod.spec?.volumes ?? [];
  const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some((source) => source.clusterTrustBundle !== undefined))
    return `${who} can not create pods that reference clustertrustbundles`;
  if (sources.some((source) => source.serviceAccountToken !== undefined))
    return `${who} can not create pods that reference service account tokens`;
  if (names('persistentvolumeclaims'))
    return `${who} can not create pods that reference persistentvolumeclaims`;
  if ((pod.spec?.resourceClaims ?? []).length > 0)
    return `${who} can not create pods that reference resourceclaims`;
  return undefined;
}
