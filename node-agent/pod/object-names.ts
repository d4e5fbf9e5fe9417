import type { Pod, Volume } from '../../api/generated/core-v1.ts';
import { containersOf } from './pod-spec.ts';

/** ConfigMaps and Secrets, by name, in the pod's namespace. */
export interface ObjectNames {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

/** Everything that the pod's spec refers to: environment, volumes, image pull secrets. */
export function referencedNames(pod: Pod): ObjectNames {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { spec } of containersOf(pod)) {
    for (const { configMapRef, secretRef } of spec.envFrom ?? []) {
      add(configMaps, configMapRef?.name);
      add(secrets, secretRef?.name);
    }
    for (const { valueFrom } of spec.env ?? []) {
      add(configMaps, valueFrom?.configMapKeyRef?.name);
      add(secrets, valueFrom?.secretKeyRef?.name);
    }
  }
  for (const volume of pod.spec.volumes ?? []) addVolumeNames(volume, configMaps, secrets);
  for (const { name } of pod.spec.imagePullSecrets ?? []) add(secrets, name);
  return { configMaps, secrets };
}

function addVolumeNames(volume: Volume, configMaps: Set<string>, secrets: Set<string>): void {
  add(configMaps, volume.configMap?.name);
  add(secrets, volume.secret?.secretName);
  for (const source of volume.projected?.sources ?? []) {
    add(configMaps, source.configMap?.name);
    add(secrets, source.secret?.name);
  }
}

function add(names: Set<string>, name: string | undefined): void {
  if (name !== undefined && name !== '') names.add(name);
}
