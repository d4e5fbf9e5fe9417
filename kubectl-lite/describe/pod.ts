import type { Pod, Toleration } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { describeContainers } from './containers.ts';
import { longTime, type Outline, pairs } from './outline.ts';

export function describePod(outline: Outline, object: AnyObject): void {
  const { metadata, spec, status } = object as AnyObject & Pod;
  outline.field('Name', metadata.name).field('Namespace', metadata.namespace);
  outline.field('Priority', spec?.priority ?? 0);
  outline.field('Service Account', spec?.serviceAccountName ?? 'default');
  outline.field('Node', spec?.nodeName === undefined ? '<none>' : `${spec.nodeName}/${status?.hostIP ?? ''}`);
  if (status?.startTime !== undefined) outline.field('Start Time', longTime(status.startTime));
  outline.field('Labels', pairs(metadata.labels));
  outline.field('Annotations', pairs(metadata.annotations, ': '));
  if (metadata.deletionTimestamp !== undefined) {
    outline.field('Status', `Terminating (lasts <since ${metadata.deletionTimestamp}>)`);
    outline.field('Termination Grace Period', `${metadata.deletionGracePeriodSeconds ?? 0}s`);
  } else outline.field('Status', status?.phase);
  if (status?.reason !== undefined) outline.field('Reason', status.reason);
  if (status?.message !== undefined) outline.field('Message', status.message);
  outline.field('IP', status?.podIP ?? '');
  outline.heading('IPs');
  for (const { ip } of status?.podIPs ?? []) outline.field('IP', ip, 1);
  const controller = metadata.ownerReferences?.find((owner) => owner.controller === true);
  if (controller !== undefined) outline.field('Controlled By', `${controller.kind}/${controller.name}`);
  describeContainers(
    outline,
    'Init Containers',
    spec?.initContainers ?? [],
    status?.initContainerStatuses ?? [],
  );
  describeContainers(outline, 'Containers', spec?.containers ?? [], status?.containerStatuses ?? []);
  describeConditions(outline, status?.conditions ?? []);
  describeVolumes(outline, spec?.volumes ?? []);
  outline.field('QoS Class', status?.qosClass);
  outline.field('Node-Selectors', pairs(spec?.nodeSelector));
  outline.field('Tolerations', (spec?.tolerations ?? []).map(tolerationText));
}

export function describeConditions(
  outline: Outline,
  conditions: readonly { readonly type: string; readonly status: string }[],
): void {
  if (conditions.length === 0) return;
  outline.heading('Conditions');
  const width = Math.max(...conditions.map(({ type }) => type.length), 4) + 2;
  outline.row([`${'Type'.padEnd(width)}Status`]);
  for (const { type, status } of conditions) outline.row([`${type.padEnd(width)}${status} `]);
}

function describeVolumes(outline: Outline, volumes: NonNullable<NonNullable<Pod['spec']>['volumes']>): void {
  if (volumes.length === 0) {
    outline.field('Volumes', '<none>');
    return;
  }
  outline.heading('Volumes');
  for (const { name, ...source } of volumes) {
    const [type = '', value] = Object.entries(source)[0] ?? [];
    outline.heading(name, 1).field('Type', type.charAt(0).toUpperCase() + type.slice(1), 2);
    for (const [field, detail] of Object.entries(Object(value)))
      if (typeof detail !== 'object')
        outline.field(field.charAt(0).toUpperCase() + field.slice(1), String(detail), 2);
  }
}

function tolerationText({ key = '', operator, value, effect, tolerationSeconds }: Toleration): string {
  const wanted = operator === 'Exists' ? ' op=Exists' : '';
  const equals = value === undefined || value === '' ? '' : `=${value}`;
  const seconds = tolerationSeconds === undefined ? '' : ` for ${tolerationSeconds}s`;
  return `${key}${equals}${effect === undefined ? '' : `:${effect}`}${wanted}${seconds}`;
}
