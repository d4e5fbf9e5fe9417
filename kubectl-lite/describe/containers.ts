import type {
  Container,
  ContainerPort,
  ContainerState,
  ContainerStatus,
  EnvVarSource,
  Pod,
  Probe,
  VolumeMount,
} from '../../api/generated/core-v1.ts';
import { toMillis } from '../../api/quantity.ts';
import { longTime, type Outline } from './outline.ts';

export interface ContainerBlock {
  readonly label: string;
  readonly containers: readonly Container[];
  readonly statuses?: readonly ContainerStatus[] | undefined;
  /** Whose they are; left out for those of a template. */
  readonly pod?: Pod;
}

/** The block of one kind of container of a pod or a template. */
export function describeContainers(
  outline: Outline,
  { label, containers, statuses, pod }: ContainerBlock,
): void {
  if (containers.length === 0) return;
  const level = 0;
  // kubectl moves the names in a template by one space, and nothing below them.
  const isTemplate = pod === undefined;
  outline.heading(label, isTemplate ? 1 : 0);
  for (const container of containers) {
    outline.heading(`${isTemplate ? ' ' : ''}${container.name}`, 1);
    const status = statuses?.find(({ name }) => name === container.name);
    if (status !== undefined) outline.field('Container ID', status.containerID, level + 2);
    outline.field('Image', container.image, level + 2);
    if (status !== undefined) outline.field('Image ID', status.imageID, level + 2);
    const ports = portTexts(container, ({ containerPort }) => containerPort);
    outline.field(ports.length > 1 ? 'Ports' : 'Port', ports.join(', '), level + 2);
    const hostPorts = portTexts(container, ({ hostPort }) => hostPort ?? 0);
    outline.field(ports.length > 1 ? 'Host Ports' : 'Host Port', hostPorts.join(', '), level + 2);
    if (container.command !== undefined) describeWords(outline, 'Command', container.command, level + 2);
    if (container.args !== undefined) describeWords(outline, 'Args', container.args, level + 2);
    if (status !== undefined) describeStatus(outline, status, level + 2);
    describeDetails(outline, container, { level: level + 2, pod });
  }
}

function portTexts({ ports }: Container, number: (port: ContainerPort) => number): string[] {
  return (ports ?? []).map((port) => {
    const name = port.name === undefined || port.name === '' ? '' : ` (${port.name})`;
    return `${number(port)}/${port.protocol ?? 'TCP'}${name}`;
  });
}

function describeWords(outline: Outline, label: string, words: readonly string[], level: number): void {
  outline.heading(label, level);
  for (const line of words.flatMap((word) => word.split('\n'))) outline.row([line], level + 1);
}

function describeStatus(outline: Outline, status: ContainerStatus, level: number): void {
  describeState(outline, 'State', status.state, level);
  if (status.lastState !== undefined && Object.keys(status.lastState).length > 0)
    describeState(outline, 'Last State', status.lastState, level);
  outline.field('Ready', status.ready ? 'True' : 'False', level);
  outline.field('Restart Count', status.restartCount, level);
}

function describeState(
  outline: Outline,
  label: string,
  state: ContainerState | undefined,
  level: number,
): void {
  if (state?.running !== undefined) {
    outline.field(label, 'Running', level).field('  Started', longTime(state.running.startedAt), level);
  } else if (state?.terminated !== undefined) {
    const { reason, exitCode, startedAt, finishedAt, message } = state.terminated;
    outline.field(label, 'Terminated', level);
    if (reason !== undefined) outline.field('  Reason', reason, level);
    if (message !== undefined && message !== '') outline.field('  Message', message, level);
    outline.field('  Exit Code', exitCode, level);
    outline.field('  Started', longTime(startedAt), level).field('  Finished', longTime(finishedAt), level);
  } else {
    outline.field(label, 'Waiting', level);
    if (state?.waiting?.reason !== undefined) outline.field('  Reason', state.waiting.reason, level);
  }
}

function describeDetails(
  outline: Outline,
  container: Container,
  { level, pod }: { readonly level: number; readonly pod: Pod | undefined },
): void {
  for (const [label, values] of [
    ['Limits', container.resources?.limits],
    ['Requests', container.resources?.requests],
  ] as const) {
    if (values === undefined || Object.keys(values).length === 0) continue;
    outline.heading(label, level);
    for (const [name, value] of Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)))
      outline.field(name, String(value), level + 1);
  }
  for (const [label, probe] of [
    ['Liveness', container.livenessProbe],
    ['Readiness', container.readinessProbe],
    ['Startup', container.startupProbe],
  ] as const)
    if (probe !== undefined) outline.field(label, probeText(probe), level);
  describeEnvironmentSources(outline, container, level);
  describeEnvironment(outline, container, { level, pod });
  const byPath = (a: VolumeMount, b: VolumeMount): number => (a.mountPath < b.mountPath ? -1 : 1);
  const mounts = [...(container.volumeMounts ?? [])].sort(byPath);
  if (mounts.length === 0) outline.field('Mounts', '<none>', level);
  else {
    outline.heading('Mounts', level);
    for (const mount of mounts) outline.row([mountText(mount)], level + 1);
  }
}

function describeEnvironment(
  outline: Outline,
  container: Container,
  { level, pod }: { readonly level: number; readonly pod: Pod | undefined },
): void {
  if (container.env === undefined || container.env.length === 0)
    outline.field('Environment', '<none>', level);
  else {
    outline.heading('Environment', level);
    for (const { name, value, valueFrom } of container.env)
      outline.row(
        [`${name}:`, ...(valueFrom === undefined ? [value ?? ''] : sourceCells(valueFrom, container, pod))],
        level + 1,
      );
  }
}

function describeEnvironmentSources(outline: Outline, { envFrom }: Container, level: number): void {
  if (envFrom === undefined || envFrom.length === 0) return;
  outline.heading('Environment Variables from', level);
  for (const { configMapRef, secretRef, prefix } of envFrom) {
    const source = configMapRef ?? secretRef;
    const withPrefix = prefix === undefined || prefix === '' ? '' : ` with prefix '${prefix}'`;
    outline.row(
      [
        source?.name ?? '',
        `${configMapRef === undefined ? 'Secret' : 'ConfigMap'}${withPrefix}`,
        `Optional: ${source?.optional === true}`,
      ],
      level + 1,
    );
  }
}

function mountText({ mountPath, name, readOnly, subPath }: VolumeMount): string {
  const path = subPath === undefined || subPath === '' ? '' : `,path=${JSON.stringify(subPath)}`;
  return `${mountPath} from ${name} (${readOnly === true ? 'ro' : 'rw'}${path})`;
}

/** Where a variable comes from; with references to other objects, whether those may be missing stands in a column. */
function sourceCells(source: EnvVarSource, { resources }: Container, pod: Pod | undefined): string[] {
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = source;
  const reference = secretKeyRef ?? configMapKeyRef;
  if (reference !== undefined) {
    const kind = secretKeyRef === undefined ? 'of config map' : 'in secret';
    return [
      `<set to the key '${reference.key}' ${kind} '${reference.name}'>`,
      `Optional: ${reference.optional === true}`,
    ];
  }
  if (fieldRef !== undefined) {
    const value = pod === undefined ? '' : metadataField(pod, fieldRef.fieldPath);
    return [`${value} (${fieldRef.apiVersion ?? 'v1'}:${fieldRef.fieldPath})`];
  }
  if (resourceFieldRef === undefined) return [''];
  const { resource, divisor } = resourceFieldRef;
  const [set = '', name = ''] = resource.split('.');
  const amounts: Readonly<Record<string, unknown>> | undefined =
    set === 'limits' ? resources?.limits : resources?.requests;
  const amount = amounts?.[name];
  const unit = toMillis(String(divisor ?? 0)) || 1_000;
  const value = amount === undefined ? 'node allocatable' : Math.ceil(toMillis(String(amount)) / unit);
  return [`${value} (${resource})`];
}

/** What kubectl tells of the pod's own fields; of the others nothing. */
function metadataField({ metadata }: Pod, path: string): string {
  switch (path) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid;
    default:
      return '';
  }
}

function probeText(probe: Probe): string {
  const numbers = `delay=${probe.initialDelaySeconds ?? 0}s timeout=${probe.timeoutSeconds ?? 1}s period=${probe.periodSeconds ?? 10}s #success=${probe.successThreshold ?? 1} #failure=${probe.failureThreshold ?? 3}`;
  if (probe.httpGet !== undefined) {
    const { scheme = 'HTTP', host = '', port, path = '' } = probe.httpGet;
    return `http-get ${scheme.toLowerCase()}://${host}:${port}${path} ${numbers}`;
  }
  if (probe.tcpSocket !== undefined)
    return `tcp-socket ${probe.tcpSocket.host ?? ''}:${probe.tcpSocket.port} ${numbers}`;
  if (probe.exec !== undefined) return `exec [${(probe.exec.command ?? []).join(' ')}] ${numbers}`;
  if (probe.grpc !== undefined) return `grpc <pod>:${probe.grpc.port} ${probe.grpc.service ?? ''} ${numbers}`;
  return `unknown ${numbers}`;
}
