import type { PodSpec, PodTemplateSpec } from '../../api/generated/core-v1.ts';
import type { ApiObject, KindInfo } from '../../api/kind-info.ts';

/**
 * What a whole cluster stores and nothing in it acts upon yet: kinds without a controller, volumes that nothing provides.
 * Told apart from `not-carried-out.ts` because a server that stands alone says nothing of it, as Kubernetes' own does not:
 * there, nothing at all is acted upon. A line goes when its kind or field gets its actor.
 */
const kindsWithoutActor: ReadonlyMap<string, string> = new Map([
  ['networking.k8s.io/Ingress', 'no ingress controller runs'],
  ['networking.k8s.io/IngressClass', 'no ingress controller runs'],
  ['networking.k8s.io/NetworkPolicy', 'traffic is not restricted'],
  ['networking.k8s.io/ServiceCIDR', 'service addresses come from --service-cidr'],
  ['resource.k8s.io/DeviceClass', 'devices are not allocated'],
  ['resource.k8s.io/ResourceClaim', 'devices are not allocated'],
  ['resource.k8s.io/ResourceClaimTemplate', 'devices are not allocated'],
  ['resource.k8s.io/ResourceSlice', 'devices are not allocated'],
  ['storage.k8s.io/CSIDriver', 'storage drivers are not called'],
  ['storage.k8s.io/VolumeAttachment', 'storage drivers are not called'],
  ['storage.k8s.io/VolumeAttributesClass', 'storage drivers are not called'],
]);

const volumesWithoutActor = ['csi'] as const;

const words = (subject: string, why: string): string =>
  `${subject}: stored, but not carried out by this cluster: ${why}`;

/** As much of any kind's spec as is looked at. */
type AnySpec = PodSpec & {
  readonly template?: PodTemplateSpec;
  readonly jobTemplate?: { readonly spec?: { readonly template?: PodTemplateSpec } };
};

/** The pod spec in a spec, and its path; undefined for kinds that have none. */
function podSpecOf(
  spec: AnySpec,
  kind: string,
): { readonly spec: PodSpec | undefined; readonly field: string } | undefined {
  switch (kind) {
    case 'Pod':
      return { spec, field: 'spec' };
    case 'CronJob':
      return { spec: spec.jobTemplate?.spec?.template?.spec, field: 'spec.jobTemplate.spec.template.spec' };
    case 'DaemonSet':
    case 'Deployment':
    case 'Job':
    case 'ReplicaSet':
    case 'ReplicationController':
    case 'StatefulSet':
      return { spec: spec.template?.spec, field: 'spec.template.spec' };
    default:
      return undefined;
  }
}

function podWarnings(spec: PodSpec, field: string): string[] {
  const warnings = (spec.volumes ?? []).flatMap((volume, index) =>
    volumesWithoutActor
      .filter((source) => volume[source] !== undefined)
      .map((source) => words(`${field}.volumes[${index}].${source}`, 'no volume is provided to the pod')),
  );
  if (spec.runtimeClassName !== undefined)
    warnings.push(words(`${field}.runtimeClassName`, 'every node has one runtime'));
  return warnings;
}

/** For the `Warning` headers of a write. A pod's spec hardly changes: it is told of at creation only. */
export function noActorWarnings(
  { group, kind }: KindInfo,
  object: ApiObject,
  previous: ApiObject | undefined,
): string[] {
  const why = kindsWithoutActor.get(`${group}/${kind}`);
  const warnings = why === undefined ? [] : [words(kind, why)];
  const spec = ('spec' in object ? object.spec : undefined) as AnySpec | undefined;
  if (spec === undefined || (previous !== undefined && kind === 'Pod')) return warnings;
  const pod = podSpecOf(spec, kind);
  if (pod?.spec !== undefined) warnings.push(...podWarnings(pod.spec, pod.field));
  return warnings;
}
