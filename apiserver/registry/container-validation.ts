import type { Container, ContainerPort, EphemeralContainer, PodSpec } from '../../api/generated/core-v1.ts';
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

type AnyContainer = Container | EphemeralContainer;

/** Containers, init containers and ephemeral containers; names are unique among all of them. */
export function validateContainers(spec: PodSpec, field: string): FieldError[] {
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume.name));
  const names = new Set<string>();
  const containers = spec.containers ?? [];
  const errors: FieldError[] = [];
  if (containers.length === 0) errors.push(required(`${field}.containers`));
  for (const [index, container] of containers.entries()) {
    const path = `${field}.containers[${index}]`;
    errors.push(...validateCommon(container, { path, volumes, spec }), ...claimName(names, container, path));
    errors.push(...validateRunning(container, path));
  }
  errors.push(...hostPortConflicts(containers, `${field}.containers`));
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const path = `${field}.initContainers[${index}]`;
    errors.push(...validateCommon(container, { path, volumes, spec }), ...claimName(names, container, path));
    errors.push(...validateInit(container, path));
  }
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const path = `${field}.ephemeralContainers[${index}]`;
    errors.push(...validateCommon(container, { path, volumes, spec }), ...claimName(names, container, path));
    errors.push(...validateEphemeral(container, spec, path));
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
  readonly volumes: ReadonlySet<string>;
  readonly spec: PodSpec;
}

function validateCommon(container: AnyContainer, place: Place): FieldError[] {
  const { path } = place;
  const errors: FieldError[] = [];
  if (container.name === '') errors.push(required(`${path}.name`));
  else
    for (const problem of dnsLabelProblems(container.name))
      errors.push(invalid(`${path}.name`, container.name, problem));
  const image = container.image ?? '';
  if (image === '') errors.push(required(`${path}.image`));
  else if (image !== image.trim())
    errors.push(invalid(`${path}.image`, image, 'must not have leading or trailing whitespace'));
  const policies = ['File', 'FallbackToLogsOnError'];
  const policy = container.terminationMessagePolicy ?? '';
  if (!policies.includes(policy))
    errors.push(unsupported(`${path}.terminationMessagePolicy`, policy, policies));
  errors.push(
    ...validatePorts(container.ports ?? [], `${path}.ports`, place.spec.hostNetwork === true),
    ...validateEnv(container.env ?? [], `${path}.env`),
    ...validateEnvFrom(container.envFrom ?? [], `${path}.envFrom`),
    ...validateVolumeMounts(container, place),
    ...validatePullPolicy(container.imagePullPolicy, `${path}.imagePullPolicy`),
    ...validateResources(container.resources, `${path}.resources`),
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`),
  );
  return errors;
}

function validatePullPolicy(policy: string | undefined, field: string): FieldError[] {
  const policies = ['Always', 'IfNotPresent', 'Never'];
  if (policy === undefined || policy === '') return [required(field)];
  return policies.includes(policy) ? [] : [unsupportedSorted(field, policy, policies)];
}

function validatePorts(ports: readonly ContainerPort[], field: string, hostNetwork: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `${field}[${index}]`;
    if (port.name !== undefined && port.name !== '') {
      for (const problem of portNameProblems(port.name))
        errors.push(invalid(`${path}.name`, port.name, problem));
      if (names.has(port.name)) errors.push(duplicate(`${path}.name`, port.name));
      names.add(port.name);
    }
    if (port.containerPort === 0) errors.push(required(`${path}.containerPort`));
    else
      for (const problem of portNumberProblems(port.containerPort))
        errors.push(invalid(`${path}.containerPort`, port.containerPort, problem));
    errors.push(...validateHostPort(port, path, hostNetwork));
    const protocols = ['SCTP', 'TCP', 'UDP'];
    if (!protocols.includes(port.protocol ?? ''))
      errors.push(unsupported(`${path}.protocol`, port.protocol ?? '', protocols));
  }
  return errors;
}

function validateHostPort(port: ContainerPort, path: string, hostNetwork: boolean): FieldError[] {
  const hostPort = port.hostPort ?? 0;
  if (hostPort === 0) return [];
  const problems = portNumberProblems(hostPort);
  if (problems.length > 0) return problems.map((problem) => invalid(`${path}.hostPort`, hostPort, problem));
  return hostNetwork && hostPort !== port.containerPort
    ? [invalid(`${path}.hostPort`, hostPort, 'must match `containerPort` when `hostNetwork` is true')]
    : [];
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

function validateVolumeMounts(container: AnyContainer, place: Place): FieldError[] {
  const errors: FieldError[] = [];
  const field = `${place.path}.volumeMounts`;
  const mountPaths = new Set<string>();
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const path = `${field}[${index}]`;
    if (mount.name === '') errors.push(required(`${path}.name`));
    else if (!place.volumes.has(mount.name)) errors.push(notFoundValue(`${path}.name`, mount.name));
    if (mount.mountPath === '') errors.push(required(`${path}.mountPath`));
    if (mountPaths.has(mount.mountPath))
      errors.push({ ...invalid(`${path}.mountPath`, mount.mountPath, 'must be unique') });
    mountPaths.add(mount.mountPath);
    const subPath = mount.subPath ?? '';
    const subPathExpr = mount.subPathExpr ?? '';
    if (subPath !== '') errors.push(...validateDescendingPath(subPath, `${field}.subPath`));
    if (subPathExpr !== '') {
      if (subPath !== '')
        errors.push(
          invalid(`${path}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
        );
      errors.push(...validateDescendingPath(subPathExpr, `${field}.subPathExpr`));
    }
    errors.push(...validatePropagation(mount.mountPropagation, container, path));
  }
  return errors;
}

function validatePropagation(mode: string | undefined, container: AnyContainer, path: string): FieldError[] {
  if (mode === undefined) return [];
  const modes = ['Bidirectional', 'HostToContainer', 'None'];
  const field = `${path}.mountPropagation`;
  if (!modes.includes(mode)) return [unsupported(field, mode, modes)];
  return mode === 'Bidirectional' && container.securityContext?.privileged !== true
    ? [forbidden(field, 'Bidirectional mount propagation is available only to privileged containers')]
    : [];
}

/** A path below a directory, never above it. */
export function validateDescendingPath(path: string, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'));
  if (path.split('/').includes('..')) errors.push(invalid(field, path, "must not contain '..'"));
  return errors;
}

function validateRunning(container: Container, path: string): FieldError[] {
  const errors = [
    ...validateLifecycle(container.lifecycle, `${path}.lifecycle`),
    ...validateProbe(container.livenessProbe, `${path}.livenessProbe`, 'liveness'),
    ...validateProbe(container.readinessProbe, `${path}.readinessProbe`, 'readiness'),
    ...validateProbe(container.startupProbe, `${path}.startupProbe`, 'startup'),
  ];
  return errors;
}

function validateInit(container: Container, path: string): FieldError[] {
  if (container.restartPolicy === 'Always') return validateRunning(container, path);
  const errors: FieldError[] = [];
  const policies = ['Always', 'Never', 'OnFailure'];
  if (container.restartPolicy !== undefined && !policies.includes(container.restartPolicy))
    errors.push(unsupported(`${path}.restartPolicy`, container.restartPolicy, policies));
  const unwanted = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;
  for (const name of unwanted)
    if (container[name] !== undefined)
      errors.push(
        forbidden(`${path}.${name}`, 'may not be set for init containers without restartPolicy=Always'),
      );
  return errors;
}

const ephemeralForbidden = ['lifecycle', 'livenessProbe', 'ports', 'readinessProbe', 'startupProbe'] as const;

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
    if ((mount.subPath ?? '') !== '')
      errors.push(
        forbidden(`${path}.volumeMounts[${index}].subPath`, 'cannot be set for an Ephemeral Container'),
      );
  }
  return errors;
}
