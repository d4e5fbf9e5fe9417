/**
 * What may stand in what a node writes: its own Node without taints and labels that attract pods, its own Lease, the status of its own
 * pods, tokens bound to its own pods, mirror pods that name nothing.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
 */
import { isDeepStrictEqual } from 'node:util';
import type { CertificateSigningRequest } from '../../../api/generated/certificates-v1.ts';
import type { Node, PersistentVolumeClaim } from '../../../api/generated/core-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { forbidden, type StatusError } from '../../../api/status-error.ts';
import { localNodeLabel, localVolumeFinalizer } from '../../../api/volume-claim.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../../admission/admission.ts';
import type { Permissions } from '../../admission/permissions.ts';
import { requestedSubject } from '../../registry/requested-subject.ts';
import type { ReadCache } from '../../watch-cache/read-cache.ts';
import { type MirrorPod, mirrorPodProblem } from './mirror-pod.ts';
import { nodeNameOf, nodesGroup, nodeUserPrefix } from './node-identity.ts';
import { forbiddenLabels } from './node-labels.ts';
import { wantsAudience } from './token-audience.ts';

const leaseNamespace = 'kube-node-lease';
const certificateSigners: ReadonlySet<string> = new Set([
  'kubernetes.io/kubelet-serving',
  'kubernetes.io/kube-apiserver-client-kubelet',
]);
const otherNode = 'with the same name as the requesting node';

export class NodeRestriction implements AdmissionPlugin {
  readonly name = 'NodeRestriction';
  readonly #cache: ReadCache;
  readonly #permissions: Permissions;

  constructor(cache: ReadCache, permissions: Permissions) {
    this.#cache = cache;
    this.#permissions = permissions;
  }

  mutate(attributes: AdmissionAttributes): void | Promise<void> {
    const { user } = attributes;
    if (!user.groups.includes(nodesGroup)) return;
    const node = nodeNameOf(user);
    const problem =
      node === undefined || node === ''
        ? `could not determine node from user ${JSON.stringify(user.name)}`
        : this.#problem(attributes, node);
    if (problem !== undefined) throw refused(attributes, problem);
    if (isTokenRequest(attributes)) return this.#requireAudience(attributes);
  }

  /** A token is for those that its pod wants one for, or that somebody has allowed the node. */
  async #requireAudience(attributes: AdmissionAttributes): Promise<void> {
    const { user, namespace, name } = attributes;
    const { audiences = [], boundObjectRef } = tokenSpecOf(attributes);
    if (audiences.length > 1) throw refused(attributes, 'node may only request 0 or 1 audiences');
    const [audience = ''] = audiences;
    const pod = this.#cache.get('/pods', namespace, boundObjectRef?.name ?? '');
    if (pod === undefined || wantsAudience(this.#cache, pod, audience)) return;
    const asked = { verb: 'request-serviceaccounts-token-audience', resource: audience, namespace, name };
    const core = { group: '', version: 'v1', subresource: '' };
    const isAllowed =
      audience !== '' && (await this.#permissions.decide(user, { ...asked, ...core })).allowed;
    if (isAllowed) return;
    const quoted = JSON.stringify(audience);
    throw refused(
      attributes,
      `audience ${quoted} not found in pod spec volume, ${user.name} is not authorized to request tokens for this audience`,
    );
  }

  /** Why the write is refused; undefined when it is not. */
  #problem(attributes: AdmissionAttributes, node: string): string | undefined {
    switch (attributes.strategy.resource) {
      case '/pods':
        return this.#podProblem(attributes, node);
      case '/nodes':
        return nodeProblem(attributes, node);
      case '/persistentvolumes':
        return volumeProblem(attributes, node);
      case '/persistentvolumeclaims':
        return claimProblem(attributes, node);
      case '/serviceaccounts':
        return this.#tokenProblem(attributes, node);
      case 'coordination.k8s.io/leases':
        if (attributes.namespace !== leaseNamespace)
          return `can only access leases in the "${leaseNamespace}" system namespace`;
        return nameOf(attributes) === node ? undefined : `can only access node lease ${otherNode}`;
      case 'storage.k8s.io/csinodes':
        return nameOf(attributes) === node ? undefined : `can only access CSINode ${otherNode}`;
      case 'resource.k8s.io/resourceslices':
        return sliceProblem(attributes, node);
      case 'certificates.k8s.io/certificatesigningrequests':
        return requestProblem(attributes, node);
      default:
        return undefined;
    }
  }

  #podProblem(attributes: AdmissionAttributes, node: string): string | undefined {
    const { operation, subresource } = attributes;
    const quoted = JSON.stringify(node);
    switch (subresource) {
      case '':
        if (operation === 'CREATE') return this.#mirrorProblem(attributes, node);
        if (operation !== 'DELETE')
          return `unexpected operation "${operation}", node ${quoted} can only create and delete mirror pods`;
        if (this.#isOn(attributes, node)) return undefined;
        return `node ${quoted} can only delete pods with spec.nodeName set to itself`;
      case 'status':
        return statusProblem(attributes, node);
      case 'eviction':
        if (this.#isOn(attributes, node)) return undefined;
        return `node ${node} can only evict pods with spec.nodeName set to itself`;
      default:
        return `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`;
    }
  }

  #mirrorProblem({ object }: AdmissionAttributes, node: string): string | undefined {
    const uid = this.#cache.get('/nodes', '', node)?.uid;
    return mirrorPodProblem(object as MirrorPod, { name: node, uid });
  }

  /** A pod that is not there is left to the request to miss. */
  #isOn({ namespace, name }: AdmissionAttributes, node: string): boolean {
    const pod = this.#cache.get('/pods', namespace, name);
    return pod === undefined || pod.fields.get('spec.nodeName') === node;
  }

  #tokenProblem(attributes: AdmissionAttributes, node: string): string | undefined {
    if (!isTokenRequest(attributes)) return undefined;
    const { apiVersion, kind, name = '', uid = '' } = tokenSpecOf(attributes).boundObjectRef ?? {};
    if (apiVersion !== 'v1' || kind !== 'Pod' || name === '')
      return 'node requested token not bound to a pod';
    if (uid === '') return 'node requested token with a pod binding without a uid';
    const pod = this.#cache.get('/pods', attributes.namespace, name);
    if (pod === undefined) return undefined;
    if (pod.uid !== uid)
      return `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
    if (pod.fields.get('spec.nodeName') === node) return undefined;
    return 'node requested token bound to a pod scheduled on a different node';
  }
}

interface TokenSpec {
  readonly audiences?: readonly string[];
  readonly boundObjectRef?: BoundReference;
}

const isTokenRequest = ({ operation, strategy, subresource }: AdmissionAttributes): boolean =>
  operation === 'CREATE' && strategy.resource === '/serviceaccounts' && subresource === 'token';
const tokenSpecOf = ({ object }: AdmissionAttributes): TokenSpec => (object?.['spec'] ?? {}) as TokenSpec;

interface BoundReference {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
}

/** A create has its name in the object. */
const nameOf = ({ operation, name, object }: AdmissionAttributes): string =>
  operation === 'CREATE' ? (object?.metadata.name ?? name) : name;

const refused = (attributes: AdmissionAttributes, problem: string): StatusError =>
  forbidden(attributes.strategy.kind, nameOf(attributes), problem);

function statusProblem(attributes: AdmissionAttributes, node: string): string | undefined {
  const { operation, object, previous } = attributes;
  const quoted = JSON.stringify(node);
  if (operation !== 'UPDATE') return `unexpected operation "${operation}"`;
  const before = previous as MirrorPod | undefined;
  const after = object as MirrorPod | undefined;
  if (before?.spec?.nodeName !== node)
    return `node ${quoted} can only update pod status for pods with spec.nodeName set to itself`;
  if (!isDeepStrictEqual(before.metadata.labels ?? {}, after?.metadata.labels ?? {}))
    return `node ${quoted} cannot update labels through pod status`;
  const claims = [before, after].map((pod) => pod?.status?.resourceClaimStatuses ?? []);
  return isDeepStrictEqual(claims[0], claims[1])
    ? undefined
    : `node ${quoted} cannot update resource claim statues`;
}

function nodeProblem(attributes: AdmissionAttributes, node: string): string | undefined {
  const { operation, object, previous } = attributes;
  const quoted = JSON.stringify(node);
  const name = nameOf(attributes);
  if (name !== node) return `node ${quoted} is not allowed to modify node ${JSON.stringify(name)}`;
  const next = object as (Node & AnyObject) | undefined;
  const current = previous as (Node & AnyObject) | undefined;
  if (next === undefined) return undefined;
  if (operation === 'CREATE') {
    const labels = forbiddenLabels(next.metadata.labels);
    return labels.length === 0
      ? undefined
      : `node ${quoted} is not allowed to set the following labels: ${labels.join(', ')}`;
  }
  if (!isDeepStrictEqual(next.spec?.taints ?? [], current?.spec?.taints ?? []))
    return `node ${quoted} is not allowed to modify taints`;
  // The garbage collector would delete the Node after an owner that is not there.
  if (!isDeepStrictEqual(next.metadata.ownerReferences ?? [], current?.metadata.ownerReferences ?? []))
    return `node ${quoted} is not allowed to modify ownerReferences`;
  const labels = forbiddenLabels(next.metadata.labels, current?.metadata.labels);
  return labels.length === 0 ? undefined : `is not allowed to modify labels: ${labels.join(', ')}`;
}

function claimProblem(attributes: AdmissionAttributes, node: string): string | undefined {
  const { operation, subresource, object, previous } = attributes;
  if (subresource !== 'status') return 'may only update PVC status';
  if (operation !== 'UPDATE') return `unexpected operation "${operation}"`;
  return isDeepStrictEqual(withoutProgress(object), withoutProgress(previous))
    ? undefined
    : `node ${JSON.stringify(node)} is not allowed to update fields other than status.quantity and status.conditions`;
}

/** A node lets its own directory go when the volume is being deleted, and changes nothing else. */
function volumeProblem(
  { operation, subresource, object, previous }: AdmissionAttributes,
  node: string,
): string | undefined {
  if (operation !== 'UPDATE' || subresource !== '') return `unexpected operation "${operation}"`;
  const { metadata } = (previous ?? {}) as Partial<AnyObject>;
  if (metadata?.labels?.[localNodeLabel] !== node || metadata.deletionTimestamp === undefined)
    return 'may only let go local volumes of its own that are being deleted';
  return isDeepStrictEqual(withoutHold(object), withoutHold(previous))
    ? undefined
    : `may only remove the finalizer ${localVolumeFinalizer}`;
}

function withoutHold(object: AnyObject | undefined): object {
  const { metadata, ...rest } = (object ?? {}) as Partial<AnyObject>;
  const { resourceVersion: _, managedFields: __, finalizers = [], ...kept } = metadata ?? {};
  return { ...rest, metadata: kept, held: finalizers.filter((each) => each !== localVolumeFinalizer) };
}

/** A claim without what its node tells of it. */
function withoutProgress(object: AnyObject | undefined): object {
  const { metadata, status, ...rest } = (object ?? {}) as Partial<PersistentVolumeClaim & AnyObject>;
  const { resourceVersion: _, managedFields: __, ...kept } = metadata ?? {};
  const { capacity, conditions, allocatedResources, allocatedResourceStatuses, ...told } = status ?? {};
  return { ...rest, metadata: kept, status: told };
}

function sliceProblem(
  { operation, object, previous }: AdmissionAttributes,
  node: string,
): string | undefined {
  if (operation !== 'CREATE' && operation !== 'DELETE') return undefined;
  const slice = operation === 'CREATE' ? object : previous;
  const spec = (slice?.['spec'] ?? {}) as { readonly nodeName?: string };
  if (spec.nodeName === node) return undefined;
  return `can only ${operation.toLowerCase()} ResourceSlice with the same NodeName as the requesting node`;
}

function requestProblem({ operation, object }: AdmissionAttributes, node: string): string | undefined {
  if (operation !== 'CREATE') return undefined;
  const { spec } = object as CertificateSigningRequest & AnyObject;
  if (!certificateSigners.has(spec.signerName)) return undefined;
  const name = requestedSubject(spec.request)?.commonName;
  if (name === undefined) return 'unable to parse csr: PEM block type must be CERTIFICATE REQUEST';
  if (name === `${nodeUserPrefix}${node}`) return undefined;
  return `can only create a node CSR with CN=${nodeUserPrefix}${node}`;
}
