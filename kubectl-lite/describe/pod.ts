import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { describeContainers } from './containers.ts';
import { age, annotationLines, longTime, type Outline, pairs } from './outline.ts';
import { describePriorityClass, describeSpread, describeVolumes, tolerationTexts } from './pod-parts.ts';

export function describePod(
  outline: Outline,
  object: AnyObject,
  { nowMs }: { readonly nowMs: number },
): void {
  const { metadata, spec, status } = object as AnyObject & Pod;
  outline.field('Name', metadata.name).field('Namespace', metadata.namespace);
  outline.field('Priority', spec?.priority ?? 0);
  describePriorityClass(outline, spec);
  outline.field('Service Account', spec?.serviceAccountName ?? 'default');
  outline.field('Node', spec?.nodeName === undefined ? '<none>' : `${spec.nodeName}/${status?.hostIP ?? ''}`);
  if (status?.startTime !== undefined) outline.field('Start Time', longTime(status.startTime));
  outline.field('Labels', pairs(metadata.labels));
  outline.field('Annotations', annotationLines(metadata.annotations));
  if (metadata.deletionTimestamp !== undefined) {
    outline.field('Status', `Terminating (lasts ${age(Date.parse(metadata.deletionTimestamp), nowMs)})`);
    outline.field('Termination Grace Period', `${metadata.deletionGracePeriodSeconds ?? 0}s`);
  } else outline.field('Status', status?.phase);
  if (status?.reason !== undefined) outline.field('Reason', status.reason);
  if (status?.message !== undefined) outline.field('Message', status.message);
  outline.row(['IP:', status?.podIP ?? ''], 0);
  if ((status?.podIPs ?? []).length > 0) outline.heading('IPs');
  else outline.field('IPs', '<none>');
  for (const { ip } of status?.podIPs ?? []) outline.field('IP', ip, 1);
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  if (controller !== undefined) outline.field('Controlled By', `${controller.kind}/${controller.name}`);
  const pod = object as AnyObject & Pod;
  describeContainers(outline, {
    ...{ label: 'Init Containers', containers: spec?.initContainers ?? [], pod },
    statuses: status?.initContainerStatuses,
  });
  describeContainers(outline, {
    ...{ label: 'Containers', containers: spec?.containers ?? [], pod },
    statuses: status?.containerStatuses,
  });
  describeConditions(outline, status?.conditions ?? []);
  describeVolumes(outline, spec?.volumes ?? []);
  outline.field('QoS Class', status?.qosClass);
  outline.field('Node-Selectors', pairs(spec?.nodeSelector));
  outline.field('Tolerations', tolerationTexts(spec));
  describeSpread(outline, spec);
}

export function describeConditions(
  outline: Outline,
  conditions: readonly { readonly type: string; readonly status: string }[],
): void {
  if (conditions.length === 0) return;
  outline.heading('Conditions');
  outline.row(['Type', 'Status']);
  // kubectl ends each cell of these rows with a blank.
  for (const { type, status } of conditions) outline.row([`${type} `, `${status} `]);
}
