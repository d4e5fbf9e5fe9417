import type { Container, Pod, SeccompProfile } from '../../api/generated/core-v1.ts';
import type { ContainerSecurity } from '../runtime/runtime.ts';

/** The container's own security context over the pod's. Without a word on seccomp the runtime's profile applies. */
export function containerSecurityOf(pod: Pod, container: Container): ContainerSecurity {
  const ofPod = pod.spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const privileged = own.privileged === true;
  return {
    privileged,
    readOnlyRootFilesystem: own.readOnlyRootFilesystem === true,
    runAsUser: own.runAsUser ?? ofPod.runAsUser,
    runAsGroup: own.runAsGroup ?? ofPod.runAsGroup,
    runAsNonRoot: (own.runAsNonRoot ?? ofPod.runAsNonRoot) === true,
    supplementalGroups: [
      ...(ofPod.fsGroup === undefined ? [] : [ofPod.fsGroup]),
      ...(ofPod.supplementalGroups ?? []),
    ],
    supplementalGroupsPolicy: ofPod.supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge',
    addCapabilities: own.capabilities?.add ?? [],
    dropCapabilities: own.capabilities?.drop ?? [],
    noNewPrivileges: own.allowPrivilegeEscalation === false,
    seccomp: privileged ? 'Unconfined' : seccompOf(own.seccompProfile ?? ofPod.seccompProfile),
    maskProc: own.procMount !== 'Unmasked' && !privileged,
  };
}

function seccompOf(profile: SeccompProfile | undefined): ContainerSecurity['seccomp'] {
  if (profile?.type === 'Unconfined') return 'Unconfined';
  if (profile?.type === 'Localhost') return { localhostProfile: profile.localhostProfile ?? '' };
  return 'RuntimeDefault';
}
