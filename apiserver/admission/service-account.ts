import type { Container, Pod, ServiceAccount, Volume } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { forbidden } from '../../api/status-error.ts';
import { type Random, randomSuffix } from '../../base/random.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

const mirrorAnnotation = 'kubernetes.io/config.mirror';
const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';
const volumePrefix = 'kube-api-access-';
/** An hour, and what the agent needs to renew it. */
const tokenSeconds = 3_607;

type Draft<T> = { -readonly [Key in keyof T]: T[Key] };

/** Every pod runs as a ServiceAccount, and gets its token unless somebody does not want that. */
export class ServiceAccountAdmission implements AdmissionPlugin {
  readonly name = 'ServiceAccount';
  readonly #cache: ReadCache;
  readonly #random: Random;

  constructor(cache: ReadCache, random: Random) {
    this.#cache = cache;
    this.#random = random;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object, namespace } = attributes;
    if (operation !== 'CREATE' || strategy.resource !== '/pods' || subresource !== '') return;
    const pod = object as (Pod & AnyObject) | undefined;
    if (pod?.spec === undefined || pod.metadata.annotations?.[mirrorAnnotation] !== undefined) return;
    const spec: Draft<NonNullable<Pod['spec']>> = pod.spec;
    const name = spec.serviceAccountName || spec.serviceAccount || 'default';
    spec.serviceAccountName = name;
    spec.serviceAccount = name;
    const account = await this.#accountOf(namespace, name);
    if (account === undefined)
      throw forbidden(
        strategy.kind,
        attributes.name,
        `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
      );
    const secrets = spec.imagePullSecrets ?? [];
    if (secrets.length === 0 && (account.imagePullSecrets ?? []).length > 0)
      spec.imagePullSecrets = structuredClone(account.imagePullSecrets);
    const wanted = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
    if (wanted) mountToken(spec, `${volumePrefix}${randomSuffix(this.#random)}`);
  }

  async #accountOf(namespace: string, name: string): Promise<ServiceAccount | undefined> {
    let found = this.#cache.get('/serviceaccounts', namespace, name);
    if (found === undefined) {
      // It may have been made a moment ago.
      await this.#cache.waitCurrent();
      found = this.#cache.get('/serviceaccounts', namespace, name);
    }
    return found === undefined ? undefined : (JSON.parse(found.json.toString()) as ServiceAccount);
  }
}

function mountToken(spec: Draft<NonNullable<Pod['spec']>>, fresh: string): void {
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
