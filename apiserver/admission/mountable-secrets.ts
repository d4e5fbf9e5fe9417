import type { Container, EphemeralContainer, Pod, ServiceAccount } from '../../api/generated/core-v1.ts';

const annotation = 'kubernetes.io/enforce-mountable-secrets';
/** What Go's ParseBool takes for true. */
const truths = ['1', 't', 'T', 'true', 'TRUE', 'True'];

/** Whether pods of this account may use only the secrets that it lists. */
export function enforcesMountableSecrets({ metadata }: ServiceAccount): boolean {
  return truths.includes(metadata.annotations?.[annotation] ?? '');
}

type Spec = Pick<Pod, 'spec'>;
type Lists = readonly (readonly [called: string, containers: readonly (Container | EphemeralContainer)[]])[];

/** The first secret of a pod that its account does not list, in Kubernetes' words. */
export function foreignSecret({ spec }: Spec, account: ServiceAccount): string | undefined {
  const mountable = namesOf(account.secrets);
  const suffix = `is not allowed because service account ${account.metadata.name} does not reference that`;
  for (const { secret } of spec.volumes ?? [])
    if (secret !== undefined && !mountable.has(secret.secretName ?? ''))
      return `volume with secret.secretName="${secret.secretName ?? ''}" ${suffix} secret`;
  const used = foreignVariable(
    [
      ['init container', spec.initContainers ?? []],
      ['container', spec.containers ?? []],
    ],
    account,
  );
  if (used !== undefined) return used;
  const pullable = namesOf(account.imagePullSecrets);
  for (const [index, { name = '' }] of (spec.imagePullSecrets ?? []).entries())
    if (!pullable.has(name)) return `imagePullSecrets[${index}].name="${name}" ${suffix} imagePullSecret`;
  return undefined;
}

/** The same of containers that are added to a running pod. */
export function foreignEphemeralSecret({ spec }: Spec, account: ServiceAccount): string | undefined {
  return foreignVariable([['ephemeral container', spec.ephemeralContainers ?? []]], account);
}

function foreignVariable(lists: Lists, account: ServiceAccount): string | undefined {
  const mountable = namesOf(account.secrets);
  const suffix = `is not allowed because service account ${account.metadata.name} does not reference that secret`;
  for (const [called, containers] of lists)
    for (const { name, env, envFrom } of containers) {
      for (const { name: variable, valueFrom } of env ?? []) {
        const secret = valueFrom?.secretKeyRef;
        if (secret !== undefined && !mountable.has(secret.name ?? ''))
          return `${called} ${name} with envVar ${variable} referencing secret.secretName="${secret.name ?? ''}" ${suffix}`;
      }
      for (const { secretRef } of envFrom ?? [])
        if (secretRef !== undefined && !mountable.has(secretRef.name ?? ''))
          return `${called} ${name} with envFrom referencing secret.secretName="${secretRef.name ?? ''}" ${suffix}`;
    }
  return undefined;
}

const namesOf = (references: readonly { readonly name?: string | undefined }[] | undefined): Set<string> =>
  new Set((references ?? []).map(({ name }) => name ?? ''));

/** Whether anything of a pod comes from a secret. */
export function usesSecrets({ spec }: Spec): boolean {
  if ((spec.imagePullSecrets ?? []).length > 0) return true;
  const volumes = spec.volumes ?? [];
  if (volumes.some((volume) => volume.secret !== undefined)) return true;
  if (
    volumes.some(({ projected }) => projected?.sources?.some(({ secret }) => secret !== undefined) === true)
  )
    return true;
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? [])];
  return containers.some(
    ({ env, envFrom }) =>
      env?.some(({ valueFrom }) => valueFrom?.secretKeyRef !== undefined) === true ||
      envFrom?.some(({ secretRef }) => secretRef !== undefined) === true,
  );
}
