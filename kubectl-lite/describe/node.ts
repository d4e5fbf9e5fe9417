import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { formatQuantity } from '../../api/quantity.ts';
import { age, annotationLines, longTime, type Outline, pairs } from './outline.ts';
import { amountOf, type Demand, demandOf, shareOf, sumOf } from './pod-demand.ts';
import type { Related } from './registry.ts';

export function describeNode(outline: Outline, object: AnyObject, related: Related): void {
  const { metadata, spec, status } = object as AnyObject & Node;
  outline.field('Name', metadata.name).field('Roles', rolesOf(metadata.labels ?? {}).join(','));
  outline.field('Labels', pairs(metadata.labels)).field('Annotations', annotationLines(metadata.annotations));
  outline.field('CreationTimestamp', longTime(metadata.creationTimestamp));
  const taints = (spec?.taints ?? []).map(
    ({ key, value, effect }) => `${key}${value === undefined || value === '' ? '' : `=${value}`}:${effect}`,
  );
  outline.field('Taints', taints.length === 0 ? '<none>' : taints.sort());
  outline.field('Unschedulable', String(spec?.unschedulable ?? false));
  describeLease(outline, related.lease);
  describeConditions(outline, status?.conditions ?? []);
  outline.heading('Addresses');
  for (const { type, address } of status?.addresses ?? []) outline.field(type, address, 1);
  for (const [label, values] of [
    ['Capacity', status?.capacity],
    ['Allocatable', status?.allocatable],
  ] as const) {
    const entries = Object.entries(values ?? {}).sort(([x], [y]) => (x < y ? -1 : 1));
    if (entries.length > 0) outline.heading(label);
    for (const [name, value] of entries) outline.field(name, String(value), 1);
  }
  describeSystem(outline, status?.nodeInfo);
  if ((spec?.podCIDR ?? '') !== '')
    outline.field('PodCIDR', spec?.podCIDR).field('PodCIDRs', (spec?.podCIDRs ?? []).join(','));
  if ((spec?.providerID ?? '') !== '') outline.field('ProviderID', spec?.providerID);
  describePods(outline, object as AnyObject & Node, related);
}

function rolesOf(labels: Readonly<Record<string, string>>): string[] {
  const prefix = 'node-role.kubernetes.io/';
  return Object.entries(labels)
    .flatMap(([label, value]) =>
      label.startsWith(prefix)
        ? [label.slice(prefix.length)]
        : label === 'kubernetes.io/role' && value !== ''
          ? [value]
          : [],
    )
    .sort();
}

function describeLease(outline: Outline, lease: (AnyObject & Lease) | undefined): void {
  outline.heading('Lease');
  const { holderIdentity, acquireTime, renewTime } = lease?.spec ?? {};
  outline.field('HolderIdentity', holderIdentity ?? '<unset>', 1);
  outline.field('AcquireTime', longTime(acquireTime), 1).field('RenewTime', longTime(renewTime), 1);
}

/** kubectl ends each cell of these rows with a blank. */
function describeConditions(
  outline: Outline,
  conditions: NonNullable<NonNullable<Node['status']>['conditions']>,
): void {
  if (conditions.length === 0) return;
  outline.heading('Conditions');
  outline.row(['Type', 'Status', 'LastHeartbeatTime', 'LastTransitionTime', 'Reason', 'Message']);
  outline.row(['----', '------', '-----------------', '------------------', '------', '-------']);
  for (const { type, status, lastHeartbeatTime, lastTransitionTime, reason, message } of conditions)
    outline.row([
      `${type} `,
      `${status} `,
      `${longTime(lastHeartbeatTime)} `,
      `${longTime(lastTransitionTime)} `,
      `${reason ?? ''} `,
      message ?? '',
    ]);
}

function describeSystem(outline: Outline, info: NonNullable<Node['status']>['nodeInfo'] | undefined): void {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Machine ID', info?.machineID],
    ['System UUID', info?.systemUUID],
    ['Boot ID', info?.bootID],
    ['Kernel Version', info?.kernelVersion],
    ['OS Image', info?.osImage],
    ['Operating System', info?.operatingSystem],
    ['Architecture', info?.architecture],
    ['Container Runtime Version', info?.containerRuntimeVersion],
    ['Kubelet Version', info?.kubeletVersion],
    ['Kube-Proxy Version', info?.kubeProxyVersion],
  ];
  outline.heading('System Info');
  for (const [label, value] of rows) outline.row([`${label}:`, value ?? '']);
}

function describePods(outline: Outline, node: AnyObject & Node, { pods, nowMs }: Related): void {
  const running = (pods as readonly (AnyObject & Pod)[]).filter(
    ({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  const allocatable = node.status?.allocatable ?? node.status?.capacity ?? {};
  outline.field('Non-terminated Pods', `(${running.length} in total)`);
  const headings = ['CPU Requests', 'CPU Limits', 'Memory Requests', 'Memory Limits', 'Age'];
  outline.row(['Namespace', 'Name', '', ...headings]);
  outline.row(['---------', '----', '', ...headings.map((heading) => '-'.repeat(heading.length))]);
  const demands = running.map((pod) => demandOf(pod.spec));
  for (const [index, { metadata }] of running.entries()) {
    const demand = demands[index];
    outline.row([
      metadata.namespace ?? '',
      metadata.name,
      '',
      ...(['cpu', 'memory'] as const).flatMap((name) =>
        (['requests', 'limits'] as const).map((side) => withShare(demand?.[side], name, allocatable)),
      ),
      age(Date.parse(metadata.creationTimestamp), nowMs),
    ]);
  }
  describeAllocated(outline, demands, allocatable);
}

type Amounts = Demand['requests'];

const withShare = (
  amounts: Amounts | undefined,
  name: string,
  allocatable: Readonly<Record<string, string>>,
): string => {
  const amount = amountOf(amounts, name);
  return `${formatQuantity(amount)} (${shareOf(amount, name, allocatable[name])}%)`;
};

function describeAllocated(
  outline: Outline,
  demands: readonly Demand[],
  allocatable: Readonly<Record<string, string>>,
): void {
  const requests = sumOf(demands.map((demand) => demand.requests));
  const limits = sumOf(demands.map((demand) => demand.limits));
  outline.heading('Allocated resources');
  outline.row(['(Total limits may be over 100 percent, i.e., overcommitted.)']);
  outline.row(['Resource', 'Requests', 'Limits']).row(['--------', '--------', '------']);
  const names = Object.keys(allocatable).sort();
  const pages = names.filter((name) => name.startsWith('hugepages-'));
  for (const name of ['cpu', 'memory', 'ephemeral-storage', ...pages])
    outline.row([name, withShare(requests, name, allocatable), withShare(limits, name, allocatable)]);
  for (const name of names.filter((each) => each.includes('/')))
    outline.row([name, formatQuantity(amountOf(requests, name)), formatQuantity(amountOf(limits, name))]);
}
