import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.ts';
import type { VolumeAttachment } from '../../../api/generated/storage-v1.ts';
import { everything } from '../../../api/selector.ts';
import { localNodeLabel } from '../../../api/volume-claim.ts';
import type { CachedObject, ReadCache } from '../../watch-cache/read-cache.ts';
import { isMirrorPod, mirrorAnnotation } from './mirror-pod.ts';
import { namesOf, type PodReferable } from './pod-references.ts';

export type Referable = PodReferable | 'pods' | 'persistentvolumes' | 'volumeattachments';

export interface ReferredObject {
  readonly resource: Referable;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
}

/** Pods of one node that are looked at; more than a node runs. */
const podsPerNodeLimit = 2_000;

/**
 * What is on a node's account: its pods, what they name, the volumes of their claims and the secrets of these volumes. Found from
 * the pods of the node, which the cache indexes; a name that does not occur in a pod's bytes costs a scan of them and no parsing.
 */
export class NodeReferences {
  readonly #cache: ReadCache;

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  isRelated(nodeName: string, { resource, namespace, name }: ReferredObject): boolean {
    switch (resource) {
      case 'pods':
        return this.#cache.get('/pods', namespace, name)?.fields.get('spec.nodeName') === nodeName;
      case 'persistentvolumes':
        return this.#isVolumeOf(nodeName, name);
      case 'volumeattachments': {
        const attachment = this.#cache.get('storage.k8s.io/volumeattachments', '', name);
        return attachment !== undefined && parse<VolumeAttachment>(attachment).spec.nodeName === nodeName;
      }
      case 'secrets':
        return (
          this.#isNamed(nodeName, resource, namespace, name) ||
          this.#isSecretOfVolume(nodeName, namespace, name)
        );
      case 'serviceaccounts':
        return this.#podsOf(nodeName, namespace).some((pod) => runsAs(pod, name));
      case 'configmaps':
      case 'persistentvolumeclaims':
        return this.#isNamed(nodeName, resource, namespace, name);
    }
  }

  /** Whether the volume is a directory of this node. */
  isLocalVolume(nodeName: string, name: string): boolean {
    const volume = this.#cache.get('/persistentvolumes', '', name);
    return (
      volume !== undefined && parse<PersistentVolume>(volume).metadata.labels?.[localNodeLabel] === nodeName
    );
  }

  #isNamed(nodeName: string, resource: PodReferable, namespace: string, name: string): boolean {
    // An ephemeral volume's claim is named after pod and volume, so its name stands nowhere.
    const quoted = resource === 'persistentvolumeclaims' ? '' : JSON.stringify(name);
    return this.#podsOf(nodeName, namespace).some(
      (pod) => (quoted === '' || pod.json.includes(quoted)) && namesGiven(pod, resource).includes(name),
    );
  }

  #isVolumeOf(nodeName: string, name: string): boolean {
    const volume = this.#cache.get('/persistentvolumes', '', name);
    if (volume === undefined) return false;
    const claim = parse<PersistentVolume>(volume).spec?.claimRef;
    if (claim?.name === undefined) return false;
    return this.#isNamed(nodeName, 'persistentvolumeclaims', claim.namespace ?? '', claim.name);
  }

  /** Drivers take secrets that the volume names, of any namespace. */
  #isSecretOfVolume(nodeName: string, namespace: string, name: string): boolean {
    const withClaims = this.#podsOf(nodeName, '').filter(({ json }) =>
      claimMarks.some((mark) => json.includes(mark)),
    );
    for (const pod of withClaims)
      for (const claimName of namesGiven(pod, 'persistentvolumeclaims')) {
        const claim = this.#cache.get('/persistentvolumeclaims', pod.namespace, claimName ?? '');
        const volumeName = claim && parse<PersistentVolumeClaim>(claim).spec?.volumeName;
        const volume = this.#cache.get('/persistentvolumes', '', volumeName ?? '');
        if (volume !== undefined && namesSecret(parse<PersistentVolume>(volume), namespace, name))
          return true;
      }
    return false;
  }

  #podsOf(nodeName: string, namespace: string): readonly CachedObject[] {
    return this.#cache.list({
      resource: '/pods',
      namespace,
      labels: everything,
      fields: [{ key: 'spec.nodeName', operator: 'in', values: [nodeName] }],
      limit: podsPerNodeLimit,
    }).objects;
  }
}

/** A pod without these bytes has no claims. */
const claimMarks = ['"persistentVolumeClaim"', '"ephemeral"'];

/** The names that a pod gives its node a right to: none of a mirror pod, which the node itself has made. */
function namesGiven(found: CachedObject, resource: PodReferable): readonly (string | undefined)[] {
  const pod = parse<Pod>(found);
  return isMirrorPod(pod) ? [] : namesOf(pod, resource);
}

/** Asked with every pod that starts; what a pod runs as is a field that the cache has at hand. */
const runsAs = (pod: CachedObject, name: string): boolean =>
  pod.fields.get('spec.serviceAccountName') === name &&
  (!pod.json.includes(mirrorAnnotation) || !isMirrorPod(parse<Pod>(pod)));

const parse = <T>(object: CachedObject): T => JSON.parse(object.json.toString());

function namesSecret({ spec }: PersistentVolume, namespace: string, name: string): boolean {
  const { csi } = spec ?? {};
  const references = [
    csi?.nodePublishSecretRef,
    csi?.nodeStageSecretRef,
    csi?.nodeExpandSecretRef,
    csi?.controllerPublishSecretRef,
    csi?.controllerExpandSecretRef,
  ];
  return references.some((reference) => reference?.namespace === namespace && reference.name === name);
}
