import type { Container, Pod, Volume } from '../../../api/generated/core-v1.ts';

export type PodReferable = 'secrets' | 'configmaps' | 'persistentvolumeclaims' | 'serviceaccounts';

type Names = readonly (string | undefined)[];

/** The objects of its namespace that a pod names. */
export function namesOf({ metadata, spec }: Pod, resource: PodReferable): Names {
  if (spec === undefined) return [];
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
      return volumes.map((volume) =>
        volume.ephemeral === undefined
          ? volume.persistentVolumeClaim?.claimName
          : `${metadata.name}-${volume.name}`,
      );
    case 'serviceaccounts':
      return [spec.serviceAccountName];
  }
}

const secretsOf = (volume: Volume): Names => [
  volume.secret?.secretName,
  volume.csi?.nodePublishSecretRef?.name,
  volume.azureFile?.secretName,
  volume.cephfs?.secretRef?.name,
  volume.flexVolume?.secretRef?.name,
  volume.iscsi?.secretRef?.name,
  volume.rbd?.secretRef?.name,
  volume.scaleIO?.secretRef?.name,
  volume.storageos?.secretRef?.name,
  ...(volume.projected?.sources ?? []).map((source) => source.secret?.name),
];

const configMapsOf = (volume: Volume): Names => [
  volume.configMap?.name,
  ...(volume.projected?.sources ?? []).map((source) => source.configMap?.name),
];
