import type {
  AppArmorProfile,
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../../api/generated/core-v1.ts';
import { duplicate, forbidden, invalid, required, tooLong, unsupported } from './field-error.ts';
import type { FieldError } from './strategy.ts';
import { validateDescendingPath } from './volume-use-validation.ts';

const maxId = 2 ** 31 - 1;
const idRange = `must be between 0 and ${maxId}, inclusive`;

function validateId(id: number | undefined, field: string): FieldError[] {
  return id === undefined || (id >= 0 && id <= maxId) ? [] : [invalid(field, id, idRange)];
}

/** @param onHostUsers whether the pod's users are the host's, where nothing of /proc may be unmasked */
export function validateSecurityContext(
  context: SecurityContext | undefined,
  field: string,
  onHostUsers: boolean,
): FieldError[] {
  if (context === undefined) return [];
  const errors = [
    ...validateId(context.runAsUser, `${field}.runAsUser`),
    ...validateId(context.runAsGroup, `${field}.runAsGroup`),
    ...validateProcMount(context.procMount, `${field}.procMount`, onHostUsers),
    ...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`),
  ];
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true)
      errors.push(
        invalid(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
      );
    if ((context.capabilities?.add ?? []).some((name) => name === 'CAP_SYS_ADMIN'))
      errors.push(
        invalid(
          field,
          context,
          'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
        ),
      );
  }
  return [...errors, ...validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`)];
}

function validateProcMount(mount: string | undefined, field: string, onHostUsers: boolean): FieldError[] {
  if (mount === undefined) return [];
  const mounts = ['Default', 'Unmasked'];
  if (!mounts.includes(mount)) return [unsupported(field, mount, mounts)];
  return onHostUsers && mount === 'Unmasked'
    ? [invalid(field, mount, '`hostUsers` must be false to use `Unmasked`')]
    : [];
}

const maxProfileLength = 4095;

function validateAppArmor(profile: AppArmorProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return [];
  const path = `${field}.localhostProfile`;
  const { type, localhostProfile: name } = profile;
  if (type === '') return [required(`${field}.type`, 'type is required when appArmorProfile is set')];
  if (type === 'RuntimeDefault' || type === 'Unconfined')
    return name === undefined ? [] : [invalid(path, name, 'can only be set when AppArmor type is Localhost')];
  if (type !== 'Localhost')
    return [unsupported(`${field}.type`, type, ['Localhost', 'RuntimeDefault', 'Unconfined'])];
  if (name === undefined || name === '')
    return [required(path, 'must be set when AppArmor type is Localhost')];
  const errors: FieldError[] = [];
  if (name !== name.trim()) errors.push(invalid(path, name, 'must not be padded with whitespace'));
  if (name.length > maxProfileLength) errors.push(tooLong(path, maxProfileLength));
  return errors;
}

function validateSeccomp(profile: SeccompProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return [];
  const errors: FieldError[] = [];
  const { type, localhostProfile } = profile;
  const types = ['Localhost', 'RuntimeDefault', 'Unconfined'];
  if (type === '') errors.push(required(`${field}.type`, 'type is required when seccompProfile is set'));
  else if (!types.includes(type)) errors.push(unsupported(`${field}.type`, type, types));
  const path = `${field}.localhostProfile`;
  if (type === 'Localhost')
    errors.push(
      ...(localhostProfile === undefined
        ? [required(path, 'must be set when seccomp type is Localhost')]
        : validateDescendingPath(localhostProfile, path)),
    );
  else if (localhostProfile !== undefined) {
    const shown = { Type: type, LocalhostProfile: localhostProfile };
    errors.push(invalid(path, shown, 'can only be set when seccomp type is Localhost'));
  }
  return errors;
}

export function validatePodSecurityContext(spec: PodSpec, field: string): FieldError[] {
  const context = spec.securityContext;
  if (context === undefined) return [];
  const errors = [
    ...validateId(context.fsGroup, `${field}.fsGroup`),
    ...validateId(context.runAsUser, `${field}.runAsUser`),
    ...validateId(context.runAsGroup, `${field}.runAsGroup`),
  ];
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    errors.push(...validateId(group, `${field}.supplementalGroups[${index}]`));
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(
      invalid(
        `${field}.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  errors.push(...validateSysctls(context, spec, field));
  const policies = ['Always', 'OnRootMismatch'];
  if (context.fsGroupChangePolicy !== undefined && !policies.includes(context.fsGroupChangePolicy))
    errors.push(unsupported(`${field}.fsGroupChangePolicy`, context.fsGroupChangePolicy, policies));
  errors.push(
    ...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`),
    ...validateAppArmor(context.appArmorProfile, `${field}.appArmorProfile`),
    ...optional(`${field}.supplementalGroupsPolicy`, context.supplementalGroupsPolicy, ['Merge', 'Strict']),
    ...optional(`${field}.seLinuxChangePolicy`, context.seLinuxChangePolicy, ['MountOption', 'Recursive']),
  );
  return errors;
}

const optional = (field: string, value: string | undefined, supported: readonly string[]): FieldError[] =>
  value === undefined || supported.includes(value) ? [] : [unsupported(field, value, supported)];

const sysctlName = /^(?:[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9](?:[-_a-z0-9]*[a-z0-9])?$/;

function validateSysctls(context: PodSecurityContext, spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, { name }] of (context.sysctls ?? []).entries()) {
    const path = `${field}.sysctls[${index}].name`;
    if (name === '') errors.push(required(path));
    else if (name.length > 253 || !sysctlName.test(name))
      errors.push(
        invalid(
          path,
          name,
          'must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$',
        ),
      );
    else if (names.has(name)) errors.push(duplicate(path, name));
    if (spec.hostNetwork === true && /^net[./]/.test(name))
      errors.push(invalid(path, name, "may not be specified when 'hostNetwork' is true"));
    else if (spec.hostIPC === true && isIpcSysctl(name))
      errors.push(invalid(path, name, "may not be specified when 'hostIPC' is true"));
    names.add(name);
  }
  return errors;
}

/** Settings that each IPC namespace has of its own. */
const isIpcSysctl = (name: string): boolean =>
  /^kernel[./](?:shm|msg)/.test(name) || /^kernel[./]sem$/.test(name) || /^fs[./]mqueue[./]/.test(name);

export function validateHostNamespaces(spec: PodSpec, field: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const flags = ['hostNetwork', 'hostPID', 'hostIPC'] as const;
  return flags
    .filter((flag) => spec[flag] === true)
    .map((flag) => forbidden(`${field}.${flag}`, 'when `hostUsers` is false'));
}
