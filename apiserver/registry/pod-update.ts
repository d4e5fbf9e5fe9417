import { isDeepStrictEqual } from 'node:util';
import type { Container, NodeSelectorTerm, Pod, PodSpec, Toleration } from '../../api/generated/core-v1.ts';
import { validateContainers } from './container-validation.ts';
import { refuseDisabled } from './disabled-fields.ts';
import { forbidden, invalid } from './field-error.ts';
import { qosClassOf } from './pod-qos.ts';
import type { FieldError } from './strategy.ts';

const mutableFields =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** A pod's spec is fixed but for images, a shorter deadline, more tolerations and what a gated pod may narrow. */
export function validatePodUpdate(next: Pod, current: Pod): FieldError[] {
  const errors = [...validateMirrorKept(next, current), ...refuseDisabled(next.spec, 'spec', current.spec)];
  const lengths = ['containers', 'initContainers'] as const;
  for (const name of lengths)
    if ((next.spec[name] ?? []).length !== (current.spec[name] ?? []).length)
      return [...errors, forbidden(`spec.${name}`, 'pod updates may not add or remove containers')];
  errors.push(
    ...validateDeadline(next.spec, current.spec),
    ...validateTolerationsAdded(next.spec, current.spec),
  );
  errors.push(...validateGatesRemoved(next.spec, current.spec));
  const gated = (current.spec.schedulingGates ?? []).length > 0;
  if (gated) errors.push(...validateNarrowed(next.spec, current.spec));
  if (!isDeepStrictEqual(withMutableOf(next.spec, current.spec, gated), withoutUndefined(current.spec)))
    errors.push(forbidden('spec', mutableFields));
  return errors;
}

function validateDeadline(next: PodSpec, current: PodSpec): FieldError[] {
  const before = current.activeDeadlineSeconds;
  const after = next.activeDeadlineSeconds;
  if (before === undefined) return [];
  const field = 'spec.activeDeadlineSeconds';
  if (after === undefined)
    return [invalid(field, after, 'must not update from a positive integer to nil value')];
  return after > before ? [invalid(field, after, `must be less than or equal to previous value`)] : [];
}

const withoutSeconds = ({ key, operator, value, effect }: Toleration): string =>
  JSON.stringify([key ?? '', operator ?? '', value ?? '', effect ?? '']);
const withSeconds = (toleration: Toleration): string =>
  `${withoutSeconds(toleration)} ${toleration.tolerationSeconds}`;

function validateTolerationsAdded(next: PodSpec, current: PodSpec): FieldError[] {
  const whole = new Set((next.tolerations ?? []).map(withSeconds));
  const shapes = new Set((next.tolerations ?? []).map(withoutSeconds));
  const kept = (current.tolerations ?? []).every(
    (old) => whole.has(withSeconds(old)) || (old.effect === 'NoExecute' && shapes.has(withoutSeconds(old))),
  );
  return kept
    ? []
    : [forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds')];
}

function validateGatesRemoved(next: PodSpec, current: PodSpec): FieldError[] {
  const before = new Set((current.schedulingGates ?? []).map(({ name }) => name));
  return (next.schedulingGates ?? []).flatMap(({ name }, index) =>
    before.has(name)
      ? []
      : [
          forbidden(
            `spec.schedulingGates[${index}].name`,
            `only deletion is allowed, but found new scheduling gate '${name}'`,
          ),
        ],
  );
}

const mirrorAnnotation = 'kubernetes.io/config.mirror';

function validateMirrorKept(next: Pod, current: Pod): FieldError[] {
  const [after, before] = [next, current].map(({ metadata }) => metadata.annotations?.[mirrorAnnotation]);
  if (after === before) return [];
  const detail =
    before === undefined
      ? 'may not add mirror pod annotation'
      : 'may not remove or update mirror pod annotation';
  return [forbidden(`metadata.annotations[${mirrorAnnotation}]`, detail)];
}

type Terms = readonly NodeSelectorTerm[];
const termsOf = ({ affinity }: PodSpec): Terms =>
  affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];

/** A gated pod may be bound to fewer nodes than before, never to others. */
function validateNarrowed(next: PodSpec, current: PodSpec): FieldError[] {
  const errors: FieldError[] = [];
  const selector = next.nodeSelector ?? {};
  if (Object.entries(current.nodeSelector ?? {}).some(([key, value]) => selector[key] !== value))
    errors.push(
      invalid(
        'spec.nodeSelector',
        next.nodeSelector,
        'only additions to spec.nodeSelector are allowed (no mutations or deletions)',
      ),
    );
  const [before, after] = [termsOf(current), termsOf(next)];
  const field = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  if (before.length === 0) return errors;
  if (before.length !== after.length) {
    const detail = 'no additions/deletions to non-empty NodeSelectorTerms list are allowed';
    return [...errors, invalid(field, after.length === 0 ? null : after.map(goTerm), detail)];
  }
  for (const [index, term] of after.entries())
    if (!isNarrowed(term, before[index] ?? {}))
      errors.push(
        invalid(`${field}[${index}]`, goTerm(term), 'only additions are allowed (no mutations or deletions)'),
      );
  return errors;
}

/** As Kubernetes prints it, whose inner types have no other names. */
function goTerm({ matchExpressions, matchFields }: NodeSelectorTerm): Record<string, unknown> {
  const list = (requirements: NodeSelectorTerm['matchFields']): unknown =>
    requirements?.map(({ key, operator, values }) => ({
      Key: key,
      Operator: operator,
      Values: values ?? null,
    })) ?? null;
  return { MatchExpressions: list(matchExpressions), MatchFields: list(matchFields) };
}

function isNarrowed(next: NodeSelectorTerm, current: NodeSelectorTerm): boolean {
  const count = (term: NodeSelectorTerm): number =>
    (term.matchExpressions ?? []).length + (term.matchFields ?? []).length;
  // A term without requirements selects nothing, and with one it would select something.
  if (count(current) === 0) return count(next) === 0;
  return (['matchExpressions', 'matchFields'] as const).every((name) => {
    const before = current[name] ?? [];
    return isDeepStrictEqual((next[name] ?? []).slice(0, before.length), before);
  });
}

const withoutUndefined = <T extends object>(object: T): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;

/** `next` with everything that may change put back as it was. */
function withMutableOf(next: PodSpec, current: PodSpec, gated: boolean): PodSpec {
  const images = (list: PodSpec['containers'] | undefined, old: PodSpec['containers'] | undefined) =>
    list?.map((container, index) => ({ ...container, image: old?.[index]?.image }));
  const munged: PodSpec = {
    ...next,
    containers: images(next.containers, current.containers) ?? [],
    initContainers: images(next.initContainers, current.initContainers),
    activeDeadlineSeconds: current.activeDeadlineSeconds,
    tolerations: current.tolerations,
    schedulingGates: current.schedulingGates,
  };
  if (current.terminationGracePeriodSeconds !== undefined && current.terminationGracePeriodSeconds < 0)
    if (next.terminationGracePeriodSeconds === 1)
      munged.terminationGracePeriodSeconds = current.terminationGracePeriodSeconds;
  if (gated) {
    munged.nodeSelector = current.nodeSelector;
    munged.affinity = withNodeAffinityOf(next, current);
  }
  return withoutUndefined(munged);
}

function withNodeAffinityOf({ affinity }: PodSpec, current: PodSpec): PodSpec['affinity'] {
  const { nodeAffinity, ...others } = affinity ?? {};
  const before = current.affinity?.nodeAffinity;
  if (before !== undefined) return { ...others, nodeAffinity: before };
  return current.affinity === undefined && Object.keys(others).length === 0 ? undefined : others;
}

/** What its node's own files say is not changed here. */
const isMirror = ({ metadata }: Pod): boolean => metadata.annotations?.[mirrorAnnotation] !== undefined;

/** Ephemeral containers may be added, and nothing else. */
export function validateEphemeralUpdate(next: Pod, current: Pod): FieldError[] {
  if (isMirror(current)) return [forbidden('', 'static pods do not support ephemeral containers')];
  const before = current.spec.ephemeralContainers ?? [];
  const after = next.spec.ephemeralContainers ?? [];
  const errors = validateContainers(next.spec, 'spec').filter(({ field }) =>
    field.startsWith('spec.ephemeralContainers'),
  );
  for (const old of before) {
    const same = after.find(({ name }) => name === old.name);
    if (same === undefined)
      errors.push(
        forbidden(
          'spec.ephemeralContainers',
          `existing ephemeral containers ${JSON.stringify(old.name)} may not be removed\n`,
        ),
      );
    else if (!isDeepStrictEqual(same, old))
      errors.push(
        forbidden(
          'spec.ephemeralContainers',
          `existing ephemeral containers ${JSON.stringify(old.name)} may not be changed\n`,
        ),
      );
  }
  return errors;
}

/** Only cpu and memory of what keeps running may change, never be taken away, and the QoS class stays. */
export function validateResize(next: Pod, current: Pod): FieldError[] {
  if (isMirror(current)) return [forbidden('', 'static pods cannot be resized')];
  const errors: FieldError[] = [];
  const before = qosClassOf(current.spec);
  if (qosClassOf(next.spec) !== before)
    errors.push(invalid('spec', before, 'Pod QOS Class may not change as a result of resizing'));
  for (const list of ['containers', 'initContainers'] as const)
    errors.push(...validateContainersResize(`spec.${list}`, next.spec[list] ?? [], current.spec[list] ?? []));
  if (errors.length === 0 && !isDeepStrictEqual(withoutResized(next.spec), withoutResized(current.spec)))
    errors.push(forbidden('spec', 'only cpu and memory resources are mutable'));
  return errors;
}

function validateContainersResize(
  field: string,
  next: readonly Container[],
  current: readonly Container[],
): FieldError[] {
  if (next.length !== current.length)
    return [forbidden(field, 'containers may not be added or removed on resize')];
  return next.flatMap((container, index) => {
    const old = current[index];
    const path = `${field}[${index}]`;
    if (old?.name !== container.name)
      return [forbidden(`${path}.name`, 'containers may not be renamed or reordered on resize')];
    const isOneOff = field === 'spec.initContainers' && container.restartPolicy !== 'Always';
    if (isOneOff && !isDeepStrictEqual(container.resources ?? {}, old.resources ?? {}))
      return [forbidden('spec', 'resources for non-sidecar init containers are immutable')];
    return (['requests', 'limits'] as const)
      .filter((kind) =>
        Object.keys(old.resources?.[kind] ?? {}).some(
          (name) => container.resources?.[kind]?.[name] === undefined,
        ),
      )
      .map((kind) => forbidden(`${path}.resources.${kind}`, `resource ${kind} cannot be removed`));
  });
}

const resizedResources = new Set(['cpu', 'memory']);

function withoutResized(spec: PodSpec): PodSpec {
  const rest = (list: Readonly<Record<string, string>> = {}): [string, string][] =>
    Object.entries(list).filter(([name]) => !resizedResources.has(name));
  const strip = (containers: readonly Container[]): Container[] =>
    containers.map(({ resources, ...container }) => ({
      ...container,
      resources: {
        claims: resources?.claims,
        requests: Object.fromEntries(rest(resources?.requests)),
        limits: Object.fromEntries(rest(resources?.limits)),
      },
    }));
  return {
    ...spec,
    containers: strip(spec.containers ?? []),
    initContainers: strip(spec.initContainers ?? []),
  };
}
