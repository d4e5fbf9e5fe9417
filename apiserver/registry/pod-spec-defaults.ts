import type {
  Container,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
} from '../../api/generated/core-v1.ts';
import { formatQuantity, parseQuantity, roundUpToMillis } from '../../api/quantity.ts';
import { podResourceList } from '../../api/resource-list.ts';
import { setVolumeDefaults } from './volume-defaults.ts';

type AnyContainer = Container | EphemeralContainer;

/** Defaults of a pod template; pods have a few more. */
export function setTemplateDefaults(template: PodTemplateSpec | undefined): void {
  if (template?.spec !== undefined) setPodSpecDefaults(template.spec);
}

/** What both pods and pod templates get. Mutates. */
export function setPodSpecDefaults(spec: PodSpec): void {
  spec.dnsPolicy ??= 'ClusterFirst';
  spec.restartPolicy ??= 'Always';
  spec.terminationGracePeriodSeconds ??= 30;
  spec.securityContext ??= {};
  spec.schedulerName ??= 'default-scheduler';
  mirrorServiceAccount(spec);
  const containers = allContainers(spec);
  for (const container of containers) setContainerDefaults(container);
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
  roundResources(spec.resources);
  if (spec.overhead !== undefined) roundToMillis(spec.overhead);
}

export function allContainers(spec: PodSpec): AnyContainer[] {
  return [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
}

/** `serviceAccount` is the old name of `serviceAccountName`; both are written. */
function mirrorServiceAccount(spec: PodSpec): void {
  const name = spec.serviceAccountName ?? spec.serviceAccount;
  if (name === undefined) return;
  spec.serviceAccountName = name;
  spec.serviceAccount = name;
}

/** On the host's network every port is the host's. For pods only. */
export function setHostPorts(spec: PodSpec): void {
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])])
    for (const port of container.ports ?? []) port.hostPort ??= port.containerPort;
}

function setContainerDefaults(container: AnyContainer): void {
  container.imagePullPolicy ??= pullPolicyOf(container.image ?? '');
  container.terminationMessagePath ??= '/dev/termination-log';
  container.terminationMessagePolicy ??= 'File';
  for (const port of container.ports ?? []) port.protocol ??= 'TCP';
  for (const env of container.env ?? []) setEnvDefaults(env);
  setProbeDefaults(container.livenessProbe);
  setProbeDefaults(container.readinessProbe);
  setProbeDefaults(container.startupProbe);
  setLifecycleDefaults(container.lifecycle);
  roundResources(container.resources);
}

function setEnvDefaults(env: EnvVar): void {
  const { fieldRef, resourceFieldRef, fileKeyRef } = env.valueFrom ?? {};
  if (fieldRef !== undefined) fieldRef.apiVersion ??= 'v1';
  if (resourceFieldRef !== undefined) resourceFieldRef.divisor ??= '0';
  if (fileKeyRef !== undefined) fileKeyRef.optional ??= false;
}

/** An image without tag or digest, or with `latest`, may change under its name. */
function pullPolicyOf(image: string): string {
  const [name = '', digest] = image.split('@');
  const tag = /:([^:/]*)$/.exec(name)?.[1] ?? (digest === undefined ? 'latest' : '');
  return tag === 'latest' ? 'Always' : 'IfNotPresent';
}

function setProbeDefaults(probe: Probe | undefined): void {
  if (probe === undefined) return;
  probe.timeoutSeconds ??= 1;
  probe.periodSeconds ??= 10;
  probe.successThreshold ??= 1;
  probe.failureThreshold ??= 3;
  setHttpGetDefaults(probe.httpGet);
  if (probe.grpc !== undefined) probe.grpc.service ??= '';
}

function setLifecycleDefaults(lifecycle: Lifecycle | undefined): void {
  setHttpGetDefaults(lifecycle?.postStart?.httpGet);
  setHttpGetDefaults(lifecycle?.preStop?.httpGet);
}

function setHttpGetDefaults(action: HTTPGetAction | undefined): void {
  if (action === undefined) return;
  action.path ??= '/';
  action.scheme ??= 'HTTP';
}

function roundResources(resources: ResourceRequirements | undefined): void {
  if (resources?.limits !== undefined) roundToMillis(resources.limits);
  if (resources?.requests !== undefined) roundToMillis(resources.requests);
}

/** Resource lists keep nothing finer than thousandths. */
export function roundToMillis(list: Record<string, string>): void {
  for (const name in list) {
    const text = list[name] ?? '';
    if (/[nu]$/.test(text)) list[name] = formatQuantity(roundUpToMillis(parseQuantity(text)));
  }
}

/** Requests that are not given equal the limits. For pods only: a template keeps what was said. */
export function setRequestsFromLimits(resources: ResourceRequirements | undefined): void {
  const limits = resources?.limits;
  if (resources === undefined || limits === undefined) return;
  resources.requests = { ...limits, ...resources.requests };
}

const isPodLevel = (name: string): boolean => name === 'cpu' || name === 'memory';

/** A pod that has limits as a whole asks for what its containers ask for together, or for the limits. Mutates. */
export function setPodRequests(spec: PodSpec): void {
  const { resources } = spec;
  if (resources === undefined || Object.keys(resources.limits ?? {}).length === 0) return;
  const requests = { ...resources.requests };
  for (const [name, amount] of podResourceList({ ...spec, resources: undefined }, 'requests'))
    if (isPodLevel(name)) requests[name] ??= formatQuantity(amount);
  resources.requests = { ...resources.limits, ...requests };
}
