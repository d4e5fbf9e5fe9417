import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../../api/generated/core-v1.ts';
import { statefulsets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { toControllerReference } from '../ownership.ts';
import { podNamePrefix } from '../pod-creation.ts';

/** A replica is known by its ordinal: name, host name and claims follow from it. */

export const revisionLabel = 'controller-revision-hash';
const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';

export const startOrdinal = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0;
export const replicasOf = ({ spec }: StatefulSet): number => spec.replicas ?? 1;

/** The ordinal in a pod's name; undefined when the name is not one of the set's. */
export function ordinalOf(set: StatefulSet, { metadata }: Pod): number | undefined {
  const [, parent, ordinal] = /^(.*)-(\d+)$/.exec(metadata.name) ?? [];
  return parent === set.metadata.name ? Number(ordinal) : undefined;
}

export function isInRange(set: StatefulSet, ordinal: number): boolean {
  return ordinal >= startOrdinal(set) && ordinal < startOrdinal(set) + replicasOf(set);
}

export const podNameOf = ({ metadata }: StatefulSet, ordinal: number): string =>
  `${metadata.name}-${ordinal}`;

export const claimNameOf = (template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string =>
  `${template.metadata.name}-${podNameOf(set, ordinal)}`;

export const revisionNameOf = ({ metadata }: Pod): string | undefined => metadata.labels?.[revisionLabel];

export function identityLabels(set: StatefulSet, ordinal: number): Record<string, string> {
  return { [podNameLabel]: podNameOf(set, ordinal), [podIndexLabel]: String(ordinal) };
}

export function hasIdentity(set: StatefulSet, pod: Pod, ordinal: number): boolean {
  return pod.metadata.labels?.[podNameLabel] === podNameOf(set, ordinal);
}

export interface Version {
  /** The revision's name. */
  readonly name: string;
  readonly template: PodTemplateSpec;
}

export function newReplica(set: StatefulSet, ordinal: number, version: Version): NewObject<Pod> {
  const { metadata, spec = { containers: [] } } = version.template;
  const name = podNameOf(set, ordinal);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...{ name, namespace: set.metadata.namespace, generateName: podNamePrefix(set.metadata.name) },
      ...{ annotations: metadata?.annotations, finalizers: metadata?.finalizers },
      labels: { ...metadata?.labels, ...identityLabels(set, ordinal), [revisionLabel]: version.name },
      ownerReferences: [toControllerReference(statefulsets, set)],
    },
    spec: {
      ...spec,
      hostname: name,
      ...(set.spec.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }),
      volumes: volumesOf(set, ordinal, spec.volumes ?? []),
    },
  };
}

/** The claims' volumes stand for template volumes of the same name. */
function volumesOf(set: StatefulSet, ordinal: number, others: readonly Volume[]): Volume[] {
  const claims = (set.spec.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata.name,
    persistentVolumeClaim: { claimName: claimNameOf(template, set, ordinal) },
  }));
  const names = new Set(claims.map(({ name }) => name));
  return [...claims, ...others.filter(({ name }) => !names.has(name))];
}

export function newClaim(
  set: StatefulSet,
  ordinal: number,
  template: PersistentVolumeClaim,
): NewObject<PersistentVolumeClaim> {
  const { labels, annotations, finalizers } = template.metadata;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...{ name: claimNameOf(template, set, ordinal), namespace: set.metadata.namespace },
      ...{ annotations, finalizers, labels: { ...labels, ...set.spec.selector.matchLabels } },
    },
    spec: template.spec,
  };
}
