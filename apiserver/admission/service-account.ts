import type { Container, Pod, ServiceAccount, Volume } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { type Random, randomSuffix } from '../../base/random.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import type { Lookup } from './lookup.ts';
import {
  enforcesMountableSecrets,
  foreignEphemeralSecret,
  foreignSecret,
  usesSecrets,
} from './mountable-secrets.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** An hour, and what the agent needs to renew it. */
const tokenSeconds = 3_607;

type PodObject = Pod & AnyObject;

/** Every pod runs as a ServiceAccount, and gets its token unless somebody does not want that. */
export class ServiceAccountAdmission implements AdmissionPlugin {
  readonly name = 'ServiceAccount';
  readonly #lookup: Lookup;
  readonly #random: Random;

  constructor(lookup: Lookup, random: Random) {
    this.#lookup = lookup;
    this.#random = random;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    if (!isNewPod(attributes)) return;
    const pod = attributes.object as PodObject;
    if (pod.spec === undefined || isMirror(pod)) return;
    const { spec } = pod;
    const name = spec.serviceAccountName || spec.serviceAccount || 'default';
    spec.serviceAccountName = name;
    spec.serviceAccount = name;
    const account = await this.#accountOf(attributes, name);
    if (shouldMount(pod, account)) mountToken(spec, `${volumePrefix}${randomSuffix(this.#random)}`);
    if ((spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0)
      spec.imagePullSecrets = structuredClone(account.imagePullSecrets);
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object } = attributes;
    if (strategy.resource !== '/pods') return;
    const debugs = operation === 'UPDATE' && subresource === 'ephemeralcontainers';
    if (!isNewPod(attributes) && !debugs) return;
    const pod = object as PodObject;
    if (isMirror(pod)) {
      const problem = debugs ? undefined : mirrorProblem(pod);
      if (problem !== undefined) throw refusal(attributes, problem);
      return;
    }
    // `mutate` has found the account of a new pod; few accounts restrict secrets.
    const account = await this.#accountOf(attributes, pod.spec.serviceAccountName ?? 'default');
    if (!enforcesMountableSecrets(account)) return;
    const problem = debugs ? foreignEphemeralSecret(pod, account) : foreignSecret(pod, account);
    if (problem !== undefined) throw refusal(attributes, problem);
  }

  async #accountOf(attributes: AdmissionAttributes, name: string): Promise<ServiceAccount> {
    const { namespace } = attributes;
    const found = await this.#lookup.find<ServiceAccount>('/serviceaccounts', namespace, name);
    if (found !== undefined) return found;
    throw refusal(
      attributes,
      `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
    );
  }
}

function isNewPod({ operation, strategy, subresource, object }: AdmissionAttributes): boolean {
  return (
    operation === 'CREATE' && strategy.resource === '/pods' && subresource === '' && object !== undefined
  );
}

const isMirror = ({ metadata }: PodObject): boolean => metadata.annotations?.[mirrorAnnotation] !== undefined;

/** What a pod that an agent's files made may not ask for: it runs before anybody has judged it. */
function mirrorProblem(pod: PodObject): string | undefined {
  if ((pod.spec.serviceAccountName ?? '') !== '') return 'a mirror pod may not reference service accounts';
  if (usesSecrets(pod)) return 'a mirror pod may not reference secrets';
  const projected = (pod.spec.volumes ?? []).flatMap((volume) => volume.projected?.sources ?? []);
  return projected.some(({ serviceAccountToken }) => serviceAccountToken !== undefined)
    ? 'a mirror pod may not use ServiceAccountToken volume projections'
    : undefined;
}

const shouldMount = ({ spec }: PodObject, account: ServiceAccount): boolean =>
  spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;

function mountToken(spec: Pod['spec'], fresh: string): void {
  const present = (spec.volumes ?? []).find(({ name }) => name.startsWith(volumePrefix));
  const name = present?.name ?? fresh;
  let needed = false;
  const withMount = <T extends Container>(container: T): T => {
    const mounts = container.volumeMounts ?? [];
    if (mounts.some((mount) => mount.mountPath === mountPath)) return container;
    needed = true;
    return { ...container, volumeMounts: [...mounts, { name, readOnly: true, mountPath }] };
  };
  spec.containers = spec.containers.map(withMount);
  if (spec.initContainers !== undefined) spec.initContainers = spec.initContainers.map(withMount);
  if (needed && present === undefined) spec.volumes = [...(spec.volumes ?? []), tokenVolume(name)];
}

function tokenVolume(name: string): Volume {
  const fieldRef = { apiVersion: 'v1', fieldPath: 'metadata.namespace' };
  return {
    name,
    projected: {
      sources: [
        { serviceAccountToken: { expirationSeconds: tokenSeconds, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef }] } },
      ],
      defaultMode: 0o644,
    },
  };
}
