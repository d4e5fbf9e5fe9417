import type { Deployment, ReplicaSet } from '../../api/generated/apps-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { selectorOf } from '../pod-choice.ts';
import { describeContainers } from './containers.ts';
import { annotationLines, longTime, type Outline, pairs } from './outline.ts';
import { describePriorityClass, describeSpread, describeVolumes, tolerationTexts } from './pod-parts.ts';
import type { Related } from './registry.ts';

/** Deployments and replica sets: how many there are, and the template of their pods. */
export function describeWorkload(outline: Outline, object: AnyObject, related: Related): void {
  const { metadata } = object;
  outline.field('Name', metadata.name).field('Namespace', metadata.namespace);
  if (object.kind === 'Deployment') outline.field('CreationTimestamp', longTime(metadata.creationTimestamp));
  const selector = selectorOf(object) ?? '';
  if (object.kind === 'ReplicaSet') outline.field('Selector', selector);
  outline.field('Labels', pairs(metadata.labels)).field('Annotations', annotationLines(metadata.annotations));
  if (object.kind === 'Deployment') describeDeployment(outline, object as AnyObject & Deployment, selector);
  else describeReplicaSet(outline, object as AnyObject & ReplicaSet, related);
  const { template } = Object((object as AnyObject & Deployment).spec);
  outline.heading('Pod Template').field('Labels', pairs(template?.metadata?.labels), 1);
  const { annotations = {} } = template?.metadata ?? {};
  if (Object.keys(annotations).length > 0) outline.field('Annotations', annotationLines(annotations), 1);
  const account = template?.spec?.serviceAccountName ?? '';
  if (account !== '') outline.field('Service Account', account, 1);
  const { initContainers = [], containers = [] } = template?.spec ?? {};
  describeContainers(outline, { label: 'Init Containers', containers: initContainers });
  describeContainers(outline, { label: 'Containers', containers });
  describeVolumes(outline, template?.spec?.volumes ?? [], 'template');
  describeSpread(outline, template?.spec, 1);
  describePriorityClass(outline, template?.spec, 1);
  outline.field('Node-Selectors', pairs(template?.spec?.nodeSelector), 1);
  outline.field('Tolerations', tolerationTexts(template?.spec), 1);
  if (object.kind === 'Deployment') describeProgress(outline, object as AnyObject & Deployment, related);
}

function describeDeployment(outline: Outline, { spec, status = {} }: Deployment, selector: string): void {
  outline.field('Selector', selector);
  const unavailable = status.unavailableReplicas ?? 0;
  outline.field(
    'Replicas',
    `${spec?.replicas ?? 1} desired | ${status.updatedReplicas ?? 0} updated | ${status.replicas ?? 0} total | ${status.availableReplicas ?? 0} available | ${unavailable} unavailable`,
  );
  outline.field('StrategyType', spec?.strategy?.type).field('MinReadySeconds', spec?.minReadySeconds ?? 0);
  const rolling = spec?.strategy?.rollingUpdate;
  if (rolling !== undefined)
    outline.field(
      'RollingUpdateStrategy',
      `${rolling.maxUnavailable} max unavailable, ${rolling.maxSurge} max surge`,
    );
}

function describeReplicaSet(
  outline: Outline,
  { metadata, spec, status }: ReplicaSet,
  { pods }: Related,
): void {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner !== undefined) outline.field('Controlled By', `${owner.kind}/${owner.name}`);
  outline.field('Replicas', `${status?.replicas ?? 0} current / ${spec?.replicas ?? 1} desired`);
  const count = (phase: string): number => pods.filter((pod) => Object(pod['status']).phase === phase).length;
  outline.field(
    'Pods Status',
    `${count('Running')} Running / ${count('Pending')} Waiting / ${count('Succeeded')} Succeeded / ${count('Failed')} Failed`,
  );
}

function describeProgress(
  outline: Outline,
  { metadata, status }: Deployment,
  { replicaSets }: Related,
): void {
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0 && replicaSets.length === 0) return;
  outline.heading('Conditions');
  outline.row(['Type', 'Status', 'Reason']);
  outline.row(['----', '------', '------']);
  for (const { type, status: state, reason } of conditions) outline.row([type, state, reason ?? '']);
  const sets = (replicaSets as readonly (AnyObject & ReplicaSet)[]).filter((set) =>
    set.metadata.ownerReferences?.some(({ uid }) => uid === metadata.uid),
  );
  const revision = (set: ReplicaSet): number =>
    Number(set.metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
  const ordered = [...sets].sort((a, b) => revision(a) - revision(b));
  const text = (set: ReplicaSet): string =>
    `${set.metadata.name} (${set.status?.replicas ?? 0}/${set.spec?.replicas ?? 0} replicas created)`;
  const newest = ordered.pop();
  outline.field('OldReplicaSets', ordered.map(text).join(', '));
  outline.field('NewReplicaSet', newest === undefined ? '<none>' : text(newest));
}
