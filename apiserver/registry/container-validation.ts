import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '../../api/generated/core-v1.ts';
import { validateResizePolicies, validateRestart } from './container-policy-validation.ts';
import { validateEnv, validateEnvFrom } from './env-validation.ts';
import {
  duplicate,
  forbidden,
  invalid,
  notFoundValue,
  required,
  unsupported,
  unsupportedSorted,
} from './field-error.ts';
import { dnsLabelProblems, portNameProblems, portNumberProblems } from './names.ts';
import { validateLifecycle, validateProbe } from './probe-validation.ts';
import { validateResources } from './resource-validation.ts';
import { validateSecurityContext } from './security-validation.ts';
import type { FieldError } from './strategy.ts';
import { type VolumesByName, validateVolumeDevices, validateVolumeMounts } from './volume-use-validation.ts';

type AnyContainer = Container | EphemeralContainer;

/** Containers, init containers and ephemeral containers; names are unique among all of them. */
export function validateContainers(spec: PodSpec, field: string): FieldError[] {
  const volumes = new Map((spec.volumes ?? []).map((volume) => [volume.name, volume]));
  const names = new Set<string>();
  const containers = spec.containers ?? [];
  const errors: FieldError[] = [];
  if (containers.length === 0) errors.push(required(`${field}.containers`));
  for (const [index, container] of containers.entries()) {
    const path = `${field}.containers[${index}]`;
    errors.push(...validateCommon(container, { path, volumes, spec }), ...claimName(names, container, path));
    errors.push(...validateRunning(container, path, spec), ...validateRestart(container, path));
  }
  errors.push(...hostPortConflicts(containers, `${field}.containers`));
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const path = `${field}.initContainers[${index}]`;
    errors.push(...validateCommon(container, { path, volumes, spec }), ...claimName(names, container, path));
    errors.push(...validateRestart(container, path));
    // They run one after the other, so each is looked at alone, and named as the first.
    errors.push(...hostPortConflicts([container], `${field}.initContainers`));
    errors.push(...validateInit(container, path, spec));
  }
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const path = `${field}.ephemeralContainers[${index}]`;
    errors.push(...validateCommon(container, { path, volumes, spec }), ...claimName(names, container, path));
    errors.push(...validateImageText(container, path), ...validateEphemeral(container, spec, path));
  }
  return errors;
}

function claimName(names: Set<string>, container: AnyContainer, path: string): FieldError[] {
  if (names.has(container.name)) return [duplicate(`${path}.name`, container.name)];
  if (container.name !== '') names.add(container.name);
  return [];
}

interface Place {
  readonly path: string;
  readonly volumes: VolumesByName;
  readonly spec: PodSpec;
}

function validateCommon(container: AnyContainer, place: Place): FieldError[] {
  const { path } = place;
  const errors: FieldError[] = [];
  if (container.name === '') errors.push(required(`${path}.name`));
  else
    for (const problem of dnsLabelProblems(container.name))
      errors.push(invalid(`${path}.name`, container.name, problem));
  if ((container.image ?? '') === '') errors.push(required(`${path}.image`));
  const policies = ['File', 'FallbackToLogsOnError'];
  const policy = container.terminationMessagePolicy ?? '';
  if (!policies.includes(policy))
    errors.push(unsupported(`${path}.terminationMessagePolicy`, policy, policies));
  errors.push(
    ...validatePorts(container.ports ?? [], `${path}.ports`),
    ...validateEnv(container.env ?? [], `${path}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${path}.envFrom`),
    ...validateVolumeMounts(container, path, place.volumes),
    ...validateVolumeDevices(container, path, place.volumes),
    ...validatePullPolicy(container.imagePullPolicy, `${path}.imagePullPolicy`),
    ...validateResources(container.resources, `${path}.resources`),
    ...validateResizePolicies(container.resizePolicy ?? [], `${path}.resizePolicy`, place.spec.restartPolicy),
    ...validateSecurityContext(
      container.securityContext,
      `${path}.securityContext`,
      place.spec.hostUsers !== false,
    ),
  );
  return errors;
}

/** Of pods only: a blank image may stand in a template for one that is put there later. */
export function validateImageTexts(spec: PodSpec, field: string): FieldError[] {
  return (['containers', 'initContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) =>
      validateImageText(container, `${field}.${list}[${index}]`),
    ),
  );
}

function validateImageText({ image = '' }: AnyContainer, path: string): FieldError[] {
  return image === image.trim()
    ? []
    : [invalid(`${path}.image`, image, 'must not have leading or trailing whitespace')];
}

function validatePullPolicy(policy: string | undefined, field: string): FieldError[] {
  const policies = ['Always', 'IfNotPresent', 'Never'];
  if (policy === undefined || policy === '') return [required(field)];
  return policies.includes(policy) ? [] : [unsupportedSorted(field, policy, policies)];
}

function validatePorts(ports: readonly ContainerPort[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `${field}[${index}]`;
    if (port.name !== undefined && port.name !== '') {
      const problems = portNameProblems(port.name);
      for (const problem of problems) errors.push(invalid(`${path}.name`, port.name, problem));
      if (problems.length === 0 && names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
      names.add(port.name);
    }
    if (port.containerPort === 0) errors.push(required(`${path}.containerPort`));
    else
      for (const problem of portNumberProblems(port.containerPort))
        errors.push(invalid(`${path}.containerPort`, port.containerPort, problem));
    const hostPort = port.hostPort ?? 0;
    for (const problem of hostPort === 0 ? [] : portNumberProblems(hostPort))
      errors.push(invalid(`${path}.hostPort`, hostPort, problem));
    const protocols = ['SCTP', 'TCP', 'UDP'];
    if (!protocols.includes(port.protocol ?? ''))
      errors.push(unsupported(`${path}.protocol`, port.protocol ?? '', protocols));
  }
  return errors;
}

/** On the host's network a port is the host's; a template may leave it to the pods. */
export function validateHostNetworkPorts(spec: PodSpec, field: string): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return (spec.containers ?? []).flatMap((container, index) =>
    (container.ports ?? []).flatMap(({ hostPort = 0, containerPort }, at) =>
      hostPort !== 0 && hostPort !== containerPort
        ? [
            invalid(
              `${field}.containers[${index}].ports[${at}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : [],
    ),
  );
}

function hostPortConflicts(containers: readonly Container[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [index, container] of containers.entries())
    for (const [portIndex, port] of (container.ports ?? []).entries()) {
      if ((port.hostPort ?? 0) === 0) continue;
      const key = `${port.protocol ?? ''}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${field}[${index}].ports[${portIndex}].hostPort`, key));
      taken.add(key);
    }
  return errors;
}

function validateRunning(container: Container, path: string, spec: PodSpec): FieldError[] {
  return [
    ...validateLifecycle(container.lifecycle, `${path}.lifecycle`, spec.terminationGracePeriodSeconds),
    ...validateProbe(container.livenessProbe, `${path}.livenessProbe`, 'liveness'),
    ...validateProbe(container.readinessProbe, `${path}.readinessProbe`, 'readiness'),
    ...validateProbe(container.startupProbe, `${path}.startupProbe`, 'startup'),
  ];
}

function validateInit(container: Container, path: string, spec: PodSpec): FieldError[] {
  if (container.restartPolicy === 'Always') return validateRunning(container, path, spec);
  const errors: FieldError[] = [];
  const unwanted = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  for (const name of unwanted)
    if (container[name] !== undefined)
      errors.push(
        forbidden(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always'),
      );
  return errors;
}

const ephemeralForbidden = [
  'ports',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const;

function validateEphemeral(container: EphemeralContainer, spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const target = container.targetContainerName ?? '';
  const targets = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map(({ name }) => name);
  if (target !== '' && !targets.includes(target))
    errors.push(notFoundValue(`${path}.targetContainerName`, target));
  for (const name of ephemeralForbidden)
    if (container[name] !== undefined)
      errors.push(forbidden(`${path}.${name}`, 'cannot be set for an Ephemeral Container'));
  const { requests, limits } = container.resources ?? {};
  if (requests !== undefined || limits !== undefined)
    errors.push(forbidden(`${path}.resources`, 'cannot be set for an Ephemeral Container'));
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    for (const name of ['subPath', 'subPathExpr'] as const)
      if ((mount[name] ?? '') !== '')
        errors.push(
          forbidden(`${path}.volumeMounts[${index}].${name}`, 'cannot be set for an Ephemeral Container'),
        );
  }
  return errors;
}
