import type { Container, Pod, Volume } from '../../api/generated/core-v1.ts';

type Referable = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts';

/** Whether a stored Pod names an object of its namespace. */
export function isPodReference(pod: { readonly json: Buffer }, resource: string, name: string): boolean {
  // Cheap first: a name that does not occur in the bytes cannot be named.
  if (!pod.json.includes(JSON.stringify(name))) return false;
  const { spec } = JSON.parse(pod.json.toString()) as Pod;
  return spec !== undefined && referencesOf(spec, resource as Referable).includes(name);
}

function referencesOf(spec: NonNullable<Pod['spec']>, resource: Referable): (string | undefined)[] {
  const containers: readonly Pick<Container, 'env' | 'envFrom'>[] = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  const volumes = spec.volumes ?? [];
  const env = containers.flatMap((container) => container.env ?? []);
  const envFrom = containers.flatMap((container) => container.envFrom ?? []);
  switch (resource) {
    case 'secrets':
      return [
        ...(spec.imagePullSecrets ?? []).map((reference) => reference.name),
        ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
        ...envFrom.map(({ secretRef }) => secretRef?.name),
        ...volumes.flatMap(secretsOf),
      ];
    case 'configmaps':
      return [
        ...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name),
        ...envFrom.map(({ configMapRef }) => configMapRef?.name),
        ...volumes.flatMap(configMapsOf),
      ];
    case 'persistentvolumeclaims':
      return volumes.map((volume) => volume.persistentVolumeClaim?.claimName);
    case 'serviceaccounts':
      return [spec.serviceAccountName];
  }
}

const secretsOf = (volume: Volume): (string | undefined)[] => [
  volume.secret?.secretName,
  ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
];

const configMapsOf = (volume: Volume): (string | undefined)[] => [
  volume.configMap?.name,
  ...(volume.projected?.sources ?? []).map((source) => source.configMap?.name),
];
