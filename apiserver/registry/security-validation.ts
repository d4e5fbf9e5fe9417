import type {
  PodSecurityContext,
  PodSpec,
  SeccompProfile,
  SecurityContext,
} from '../../api/generated/core-v1.ts';
import { validateDescendingPath } from './container-validation.ts';
import { duplicate, forbidden, invalid, required, unsupported } from './field-error.ts';
import type { FieldError } from './strategy.ts';

const maxId = 2 ** 31 - 1;
const idRange = `must be between 0 and ${maxId}, inclusive`;

function validateId(id: number | undefined, field: string): FieldError[] {
  return id === undefined || (id >= 0 && id <= maxId) ? [] : [invalid(field, id, idRange)];
}

export function validateSecurityContext(context: SecurityContext | undefined, field: string): FieldError[] {
  if (context === undefined) return [];
  const errors = [
    ...validateId(context.runAsUser, `${field}.runAsUser`),
    ...validateId(context.runAsGroup, `${field}.runAsGroup`),
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
  return errors;
}

function validateSeccomp(profile: SeccompProfile | undefined, field: string): FieldError[] {
  if (profile === undefined) return [];
  const types = ['Localhost', 'RuntimeDefault', 'Unconfined'];
  if (profile.type === '') return [required(`${field}.type`, 'type is required when seccompProfile is set')];
  if (profile.type === 'Localhost') {
    if (profile.localhostProfile === undefined)
      return [required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost')];
    return validateDescendingPath(profile.localhostProfile, `${field}.localhostProfile`);
  }
  if (profile.localhostProfile !== undefined)
    return [invalid(`${field}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost')];
  return types.includes(profile.type) ? [] : [unsupported(`${field}.type`, profile.type, types)];
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
  errors.push(...validateSeccomp(context.seccompProfile, `${field}.seccompProfile`));
  return errors;
}

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
    if (spec.hostNetwork === true && name.startsWith('net.'))
      errors.push(invalid(path, name, "may not be specified when 'hostNetwork' is true"));
    names.add(name);
  }
  return errors;
}

export function validateHostNamespaces(spec: PodSpec, field: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const flags = ['hostNetwork', 'hostPID', 'hostIPC'] as const;
  return flags
    .filter((flag) => spec[flag] === true)
    .map((flag) => forbidden(`${field}.${flag}`, 'when `hostUsers` is false'));
}
