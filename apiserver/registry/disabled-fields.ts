import type { Container, EphemeralContainer, PodSpec, PodStatus } from '../../api/generated/core-v1.ts';
import { unsupported } from './field-error.ts';
import type { FieldError } from './strategy.ts';

type AnyContainer = Container | EphemeralContainer;

/**
 * Mutates: fields of features that are off by default in Kubernetes 1.36 are dropped without a word, from what is new to
 * them; a pod that has one already keeps it.
 * `spec.schedulingGroup` (GenericWorkload) stays: groups of pods are placed together here.
 */
export function dropDisabledFields(next: PodSpec, current: PodSpec | undefined): void {
  dropStopSignals(next, current);
  dropProjections(next, current);
}

const containersOf = (spec: PodSpec | undefined): readonly AnyContainer[] =>
  spec === undefined
    ? []
    : [...(spec.containers ?? []), ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];

/** ContainerStopSignals. */
function dropStopSignals(next: PodSpec, current: PodSpec | undefined): void {
  const using = containersOf(next).filter(({ lifecycle }) => lifecycle?.stopSignal !== undefined);
  if (using.length === 0) return;
  if (containersOf(current).some(({ lifecycle }) => lifecycle?.stopSignal !== undefined)) return;
  for (const container of using) {
    const { stopSignal: _, ...lifecycle } = container.lifecycle ?? {};
    if (Object.keys(lifecycle).length === 0) delete container.lifecycle;
    else container.lifecycle = lifecycle;
  }
}

/** ClusterTrustBundleProjection and PodCertificateRequest. */
function dropProjections(next: PodSpec, current: PodSpec | undefined): void {
  for (const name of ['clusterTrustBundle', 'podCertificate'] as const) {
    const using = projectionsOf(next).filter((source) => source[name] !== undefined);
    if (using.length === 0 || projectionsOf(current).some((source) => source[name] !== undefined)) continue;
    for (const source of using) delete source[name];
  }
}

const projectionsOf = (spec: PodSpec | undefined) =>
  (spec?.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);

/** The same for what nodes report: DRANodeAllocatableResources and ImageVolumeWithDigest. */
export function dropDisabledStatusFields(next: PodStatus, current: PodStatus | undefined): void {
  if (current?.nodeAllocatableResourceClaimStatuses === undefined)
    delete next.nodeAllocatableResourceClaimStatuses;
  for (const list of ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const)
    for (const { volumeMounts } of next[list] ?? [])
      for (const mount of volumeMounts ?? []) delete mount.volumeStatus;
}

const comparisons: ReadonlySet<string> = new Set(['Lt', 'Gt']);
const compares = ({ tolerations }: PodSpec): boolean =>
  (tolerations ?? []).some(({ operator = '' }) => comparisons.has(operator));

/**
 * Values that only such a feature would allow are refused, unless the pod has them already: tolerations that compare
 * (TaintTolerationComparisonOperators), and volumes labelled by a mount option (SELinuxMount).
 */
export function refuseDisabled(next: PodSpec, field: string, current?: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (current === undefined || !compares(current))
    for (const [index, { operator = '' }] of (next.tolerations ?? []).entries())
      if (comparisons.has(operator))
        errors.push(unsupported(`${field}.tolerations[${index}].operator`, operator, ['Equal', 'Exists']));
  const policy = next.securityContext?.seLinuxChangePolicy;
  if (policy === 'MountOption' && current?.securityContext?.seLinuxChangePolicy === undefined)
    errors.push(unsupported(`${field}.securityContext.seLinuxChangePolicy`, policy, ['Recursive']));
  return errors;
}
