import type { Volume } from '../../../api/generated/core-v1.ts';
import { hasOwnUsers, procMount } from './baseline.ts';
import {
  badContainers,
  type Check,
  containersCalled,
  containersOf,
  type Judge,
  type JudgedPod,
  plural,
  quoted,
  setters,
  sortedSet,
  type Violation,
} from './check.ts';
import { isForWindows, seccompRestricted } from './seccomp.ts';

function privilegeEscalation({ spec }: JudgedPod): Violation | undefined {
  const names = badContainers(spec, (each) => each.securityContext?.allowPrivilegeEscalation !== false);
  if (names.length === 0) return undefined;
  return {
    reason: 'allowPrivilegeEscalation != false',
    detail: `${containersCalled(names)} must set securityContext.allowPrivilegeEscalation=false`,
  };
}

function capabilities({ spec }: JudgedPod): Violation | undefined {
  const kept = badContainers(
    spec,
    (each) => each.securityContext?.capabilities?.drop?.includes('ALL') !== true,
  );
  const isBad = (name: string): boolean => name !== 'NET_BIND_SERVICE';
  const adding = badContainers(spec, (each) => each.securityContext?.capabilities?.add?.some(isBad) === true);
  const added = containersOf(spec).flatMap((each) => each.securityContext?.capabilities?.add ?? []);
  const said = [
    ...(kept.length > 0
      ? [`${containersCalled(kept)} must set securityContext.capabilities.drop=["ALL"]`]
      : []),
    ...(adding.length > 0
      ? [
          `${containersCalled(adding)} must not include ${quoted(sortedSet(added.filter(isBad)))} in securityContext.capabilities.add`,
        ]
      : []),
  ];
  return said.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: said.join('; ') };
}

const volumeTypesAllowed = [
  'configMap',
  'csi',
  'downwardAPI',
  'emptyDir',
  'ephemeral',
  'image',
  'persistentVolumeClaim',
  'projected',
  'secret',
];

function volumes({ spec }: JudgedPod): Violation | undefined {
  const typeOf = (volume: Volume): string =>
    Object.entries(volume).find(([name, value]) => name !== 'name' && value !== undefined)?.[0] ?? 'unknown';
  const bad = (spec.volumes ?? []).filter((volume) => !volumeTypesAllowed.includes(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = sortedSet(bad.map(typeOf));
  return {
    reason: 'restricted volume types',
    detail: `${plural(bad.length, 'volume')} ${quoted(bad.map(({ name }) => name))} ${plural(bad.length, 'uses', 'use')} ${plural(types.length, 'restricted volume type')} ${quoted(types)}`,
  };
}

function runAsNonRoot({ spec }: JudgedPod): Violation | undefined {
  const own = spec.securityContext?.runAsNonRoot;
  const explicit = badContainers(spec, (each) => each.securityContext?.runAsNonRoot === false);
  const who = setters(own === false, explicit);
  const reason = 'runAsNonRoot != true';
  if (who !== '') return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  if (own === true) return undefined;
  const names = badContainers(spec, (each) => each.securityContext?.runAsNonRoot === undefined);
  if (names.length === 0) return undefined;
  return { reason, detail: `pod or ${containersCalled(names)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser({ spec }: JudgedPod): Violation | undefined {
  const names = badContainers(spec, (each) => each.securityContext?.runAsUser === 0);
  const who = setters(spec.securityContext?.runAsUser === 0, names);
  return who === '' ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` };
}

const unless =
  (isExempt: (pod: JudgedPod) => boolean, judge: Judge): Judge =>
  (pod) =>
    isExempt(pod) ? undefined : judge(pod);

/** In the order in which their violations are told. @see Pod Security Standards, Restricted */
export const restrictedChecks: readonly Check[] = [
  {
    id: 'allowPrivilegeEscalation',
    versions: [
      [8, privilegeEscalation],
      [25, unless(isForWindows, privilegeEscalation)],
    ],
  },
  {
    id: 'capabilities_restricted',
    versions: [
      [22, capabilities],
      [25, unless(isForWindows, capabilities)],
    ],
    overrides: ['capabilities_baseline'],
  },
  { id: 'procMount_restricted', versions: [[35, procMount]], overrides: ['procMount'] },
  { id: 'restrictedVolumes', versions: [[0, volumes]], overrides: ['hostPathVolumes'] },
  {
    id: 'runAsNonRoot',
    versions: [
      [0, runAsNonRoot],
      [35, unless(hasOwnUsers, runAsNonRoot)],
    ],
  },
  {
    id: 'runAsUser',
    versions: [
      [23, runAsUser],
      [35, unless(hasOwnUsers, runAsUser)],
    ],
  },
  seccompRestricted,
];
