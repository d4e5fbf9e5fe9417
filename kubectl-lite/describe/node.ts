import type { Node, Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { age, longTime, type Outline, pairs } from './outline.ts';
import type { Related } from './registry.ts';

export function describeNode(outline: Outline, object: AnyObject, related: Related): void {
  const { metadata, spec, status } = object as AnyObject & Node;
  const roles = Object.keys(metadata.labels ?? {})
    .filter((label) => label.startsWith('node-role.kubernetes.io/'))
    .map((label) => label.slice('node-role.kubernetes.io/'.length));
  outline.field('Name', metadata.name).field('Roles', roles.join(','));
  outline.field('Labels', pairs(metadata.labels)).field('Annotations', pairs(metadata.annotations, ': '));
  outline.field('CreationTimestamp', longTime(metadata.creationTimestamp));
  const taints = (spec?.taints ?? []).map(
    ({ key, value, effect }) => `${key}${value === undefined || value === '' ? '' : `=${value}`}:${effect}`,
  );
  outline.field('Taints', taints.length === 0 ? '<none>' : taints);
  outline.field('Unschedulable', String(spec?.unschedulable ?? false));
  outline.heading('Conditions');
  outline.row(['Type', 'Status', 'LastHeartbeatTime', 'LastTransitionTime', 'Reason', 'Message']);
  outline.row(['----', '------', '-----------------', '------------------', '------', '-------']);
  for (const condition of status?.conditions ?? [])
    outline.row([
      condition.type,
      condition.status,
      longTime(condition.lastHeartbeatTime),
      longTime(condition.lastTransitionTime),
      condition.reason ?? '',
      condition.message ?? '',
    ]);
  outline.heading('Addresses');
  for (const { type, address } of status?.addresses ?? []) outline.field(type, address, 1);
  for (const [label, values] of [
    ['Capacity', status?.capacity],
    ['Allocatable', status?.allocatable],
  ] as const) {
    outline.heading(label);
    for (const [name, value] of Object.entries(values ?? {})) outline.field(name, String(value), 1);
  }
  outline.heading('System Info');
  for (const [name, value] of Object.entries(status?.nodeInfo ?? {}))
    if (typeof value === 'string') outline.field(titleOf(name), value, 1);
  if (spec?.podCIDR !== undefined)
    outline.field('PodCIDR', spec.podCIDR).field('PodCIDRs', (spec.podCIDRs ?? []).join(','));
  describePods(outline, related);
}

function describePods(outline: Outline, { pods, nowMs }: Related): void {
  const running = (pods as readonly (AnyObject & Pod)[]).filter(
    ({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed',
  );
  outline.field('Non-terminated Pods', `(${running.length} in total)`);
  outline.row(['Namespace', 'Name', 'CPU Requests', 'Memory Requests', 'Age']);
  outline.row(['---------', '----', '------------', '---------------', '---']);
  for (const { metadata, spec } of running) {
    const requested = (name: string): string => {
      const values = (spec?.containers ?? []).map(({ resources }) => resources?.requests?.[name]);
      const given = values.filter((value) => value !== undefined);
      return given.length === 0 ? '0' : given.join('+');
    };
    outline.row([
      metadata.namespace ?? '',
      metadata.name,
      requested('cpu'),
      requested('memory'),
      age(Date.parse(metadata.creationTimestamp), nowMs),
    ]);
  }
}

function titleOf(name: string): string {
  const words: Readonly<Record<string, string>> = {
    machineID: 'Machine ID',
    systemUUID: 'System UUID',
    bootID: 'Boot ID',
    osImage: 'OS Image',
    kubeletVersion: 'Kubelet Version',
    kubeProxyVersion: 'Kube-Proxy Version',
  };
  const spaced = name.replace(/([a-z])([A-Z])/g, '$1 $2');
  return words[name] ?? spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
