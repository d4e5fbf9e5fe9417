import type { Container, Pod, PodSpec, Service, Volume } from '../../api/generated/core-v1.ts';

/**
 * Fields that are stored, as Kubernetes stores them, and that nothing in this cluster acts upon yet. Each is warned about
 * by name when an object that uses it is written. A line goes when its field is carried out.
 */

const carriedOutVolumes: ReadonlySet<string> = new Set([
  'configMap',
  'downwardAPI',
  'emptyDir',
  'hostPath',
  'image',
  'projected',
  'secret',
  // See no-actor.ts: Kubernetes' server alone stores them without a word.
  'csi',
  'ephemeral',
  'persistentVolumeClaim',
]);

const containerFields: readonly (readonly [string, (container: Container) => boolean])[] = [
  ['resources.claims', ({ resources }) => (resources?.claims ?? []).length > 0],
  [
    'securityContext.appArmorProfile',
    ({ securityContext }) => securityContext?.appArmorProfile !== undefined,
  ],
  ['securityContext.seLinuxOptions', ({ securityContext }) => securityContext?.seLinuxOptions !== undefined],
  ['securityContext.windowsOptions', ({ securityContext }) => securityContext?.windowsOptions !== undefined],
  [
    'volumeMounts.recursiveReadOnly',
    ({ volumeMounts }) =>
      (volumeMounts ?? []).some(({ recursiveReadOnly }) => (recursiveReadOnly ?? 'Disabled') !== 'Disabled'),
  ],
  ['volumeDevices', ({ volumeDevices }) => (volumeDevices ?? []).length > 0],
];

const podFields: readonly (readonly [string, (spec: PodSpec) => boolean])[] = [
  ['hostUsers', ({ hostUsers }) => hostUsers === false],
  ['resourceClaims', ({ resourceClaims }) => (resourceClaims ?? []).length > 0],
  [
    'securityContext.appArmorProfile',
    ({ securityContext }) => securityContext?.appArmorProfile !== undefined,
  ],
  ['securityContext.seLinuxOptions', ({ securityContext }) => securityContext?.seLinuxOptions !== undefined],
  ['securityContext.windowsOptions', ({ securityContext }) => securityContext?.windowsOptions !== undefined],
];

const serviceFields: readonly (readonly [string, (service: Service) => boolean])[] = [
  ['spec.loadBalancerIP', ({ spec }) => (spec.loadBalancerIP ?? '') !== ''],
  ['spec.loadBalancerSourceRanges', ({ spec }) => (spec.loadBalancerSourceRanges ?? []).length > 0],
  ['spec.trafficDistribution', ({ spec }) => spec.trafficDistribution !== undefined],
];

const words = (field: string): string => `${field}: stored, but not carried out by this cluster`;

function named<T>(
  table: readonly (readonly [string, (value: T) => boolean])[],
  value: T,
  prefix: string,
): string[] {
  return table.filter(([, isUsed]) => isUsed(value)).map(([name]) => words(`${prefix}${name}`));
}

function volumeWarnings(volumes: readonly Volume[], field: string): string[] {
  return volumes.flatMap((volume, index) =>
    Object.keys(volume)
      .filter((source) => source !== 'name' && !carriedOutVolumes.has(source))
      .map((source) => words(`${field}.volumes[${index}].${source}`)),
  );
}

/** What of a pod's or a template's spec is stored only. */
export function podSpecNotCarriedOut(spec: PodSpec | undefined, field: string): string[] {
  if (spec === undefined) return [];
  return [
    ...named(podFields, spec, `${field}.`),
    ...volumeWarnings(spec.volumes ?? [], field),
    ...(['initContainers', 'containers'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap((container, index) =>
        named(containerFields, container, `${field}.${list}[${index}].`),
      ),
    ),
  ];
}

export function podNotCarriedOut(pod: Pod): string[] {
  return podSpecNotCarriedOut(pod.spec, 'spec');
}

export function serviceNotCarriedOut(service: Service): string[] {
  return named(serviceFields, service, '');
}
