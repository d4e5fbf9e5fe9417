import {
  badContainers,
  type Check,
  containersCalled,
  containersOf,
  type JudgedPod,
  plural,
  quoted,
  setters,
  sortedSet,
  type Violation,
} from './check.ts';

const podAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const containerAnnotation = 'container.seccomp.security.alpha.kubernetes.io/';

const isAllowedAnnotation = (value: string): boolean =>
  value === 'runtime/default' || value === 'docker/default' || value.startsWith('localhost/');
const isBad = (type: string | undefined): boolean =>
  type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';

function annotated({ annotations, spec }: JudgedPod): Violation | undefined {
  const keys = [podAnnotation, ...containersOf(spec).map(({ name }) => `${containerAnnotation}${name}`)];
  const bad = sortedSet(
    keys.flatMap((key) => {
      const value = annotations[key];
      return value === undefined || isAllowedAnnotation(value) ? [] : [`${key}=${JSON.stringify(value)}`];
    }),
  );
  if (bad.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `forbidden ${plural(bad.length, 'annotation')} ${bad.join(', ')}`,
  };
}

function explicitlyBad({ spec }: JudgedPod): Violation | undefined {
  const own = spec.securityContext?.seccompProfile?.type;
  const names = badContainers(spec, (each) => isBad(each.securityContext?.seccompProfile?.type));
  const who = setters(isBad(own), names);
  if (who === '') return undefined;
  const types = [own, ...containersOf(spec).map((each) => each.securityContext?.seccompProfile?.type)];
  const bad = sortedSet(types.flatMap((type) => (isBad(type) ? [type ?? ''] : [])));
  return {
    reason: 'seccompProfile',
    detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(bad)}`,
  };
}

function restricted(pod: JudgedPod): Violation | undefined {
  const bad = explicitlyBad(pod);
  if (bad !== undefined) return bad;
  const { spec } = pod;
  if (spec.securityContext?.seccompProfile !== undefined) return undefined;
  const names = badContainers(spec, (each) => each.securityContext?.seccompProfile === undefined);
  if (names.length === 0) return undefined;
  return {
    reason: 'seccompProfile',
    detail: `pod or ${containersCalled(names)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`,
  };
}

/** Windows knows no such profiles. */
export const isForWindows = ({ spec }: JudgedPod): boolean => spec.os?.name === 'windows';

export const seccompBaseline: Check = {
  id: 'seccompProfile_baseline',
  versions: [
    [0, annotated],
    [19, explicitlyBad],
  ],
};

export const seccompRestricted: Check = {
  id: 'seccompProfile_restricted',
  versions: [
    [19, restricted],
    [25, (pod) => (isForWindows(pod) ? undefined : restricted(pod))],
  ],
  overrides: ['seccompProfile_baseline'],
};
