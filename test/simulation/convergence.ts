import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { StoredNode, StoredPod } from './checkers/bindings.ts';
import {
  isReady,
  isSelected,
  readyOf,
  type StoredService,
  type StoredSlice,
} from './checkers/last-endpoint.ts';
import { controllerOf, isLive } from './checkers/surplus.ts';
import type { User } from './user.ts';
import type { World } from './world.ts';

type StoredDeployment = Deployment & AnyObject;

const slices = 'discovery.k8s.io/endpointslices';

/** What still differs from what the user wants and from what the hosts are. Empty when all is as it should be. */
export function differences(world: World, user: User): string[] {
  return [
    ...(user.isDone ? [] : ['the user has not been answered']),
    ...deploymentDifferences(world, user),
    ...podDifferences(world),
    ...endpointDifferences(world),
    ...nodeDifferences(world),
  ];
}

function deploymentDifferences({ history }: World, user: User): string[] {
  const found = history.all<StoredDeployment>('apps/deployments');
  const surplus = found.filter(({ metadata }) => !user.wanted.has(metadata.name ?? ''));
  const wrong = [...user.wanted].flatMap(([name, { replicas, image }]) => {
    const deployment = found.find(({ metadata }) => metadata.name === name);
    if (deployment === undefined) return [`deployment ${name} is missing`];
    const { status, metadata } = deployment;
    const ready = status?.readyReplicas ?? 0;
    const live = history
      .all<StoredPod>('/pods')
      .filter((pod) => pod.metadata.labels?.['app'] === name && isLive(pod) && isReady(pod))
      .filter(({ spec }) => spec.containers[0]?.image === `nginx:${image}`);
    return [
      ...(live.length === replicas
        ? []
        : [`${name}: ${live.length} ready pods of image ${image}, not ${replicas}`]),
      ...(ready === replicas ? [] : [`${name}: status says ${ready} ready, not ${replicas}`]),
      ...(status?.observedGeneration === metadata.generation ? [] : [`${name}: generation not observed`]),
    ];
  });
  return [...wrong, ...surplus.map(({ metadata }) => `deployment ${metadata.name} exists still`)];
}

/** Every pod has an owner, and runs where it is said to run; those of a dead node are at least on their way out. */
function podDifferences({ history, hosts }: World): string[] {
  const deployments = new Set(history.all('apps/deployments').map(({ metadata }) => metadata.uid));
  const orphans = history.all('apps/replicasets').filter((one) => !deployments.has(controllerOf(one) ?? ''));
  if (orphans.length > 0)
    return orphans.map(({ metadata }) => `replica set ${metadata.name} has no owner any more`);
  const owners = new Set<string | undefined>(
    history.all('apps/replicasets').map(({ metadata }) => metadata.uid),
  );
  return history.all<StoredPod>('/pods').flatMap((pod) => {
    const { name, uid } = pod.metadata;
    const host = hosts.find((one) => one.name === pod.spec.nodeName);
    // Nobody is there to say that its containers have ended: it stays until its node is back or removed.
    if (host?.isOn === false && pod.metadata.deletionTimestamp !== undefined) return [];
    if (!owners.has(controllerOf(pod) ?? '')) return [`pod ${name} has no owner any more`];
    if (!isLive(pod)) return [`pod ${name} is ending or has failed`];
    if (host?.isOn !== true) return [`pod ${name} is on ${pod.spec.nodeName ?? 'no node'}, which is dead`];
    const runs = host.running.get(uid ?? '')?.ip;
    return runs === pod.status?.podIP ? [] : [`pod ${name} has ${pod.status?.podIP}, but runs at ${runs}`];
  });
}

function endpointDifferences({ history }: World): string[] {
  const pods = history.all<StoredPod>('/pods');
  return history.all<StoredService>('/services').flatMap((service) => {
    const own = history
      .all<StoredSlice>(slices)
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === service.metadata.name);
    const targets = own.flatMap(({ endpoints }) => (endpoints ?? []).map(({ targetRef }) => targetRef?.uid));
    const selected = pods.filter((pod) => isSelected(service, pod) && isReady(pod));
    const ready = own.reduce((total, slice) => total + readyOf(slice), 0);
    const ghosts = targets.filter((uid) => !pods.some(({ metadata }) => metadata.uid === uid));
    return [
      ...(ready === selected.length
        ? []
        : [`service ${service.metadata.name}: ${ready} ready endpoints for ${selected.length} ready pods`]),
      ...(ghosts.length === 0
        ? []
        : [`service ${service.metadata.name}: ${ghosts.length} endpoints of no pod`]),
    ];
  });
}

function nodeDifferences({ history, hosts }: World): string[] {
  return history.all<StoredNode>('/nodes').flatMap(({ metadata, spec, status }) => {
    const host = hosts.find(({ name }) => name === metadata.name);
    const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True';
    const taints = (spec?.taints ?? []).map(({ key }) => key);
    if (host?.isOn !== true) return ready ? [`${metadata.name} is off and Ready`] : [];
    if (spec?.podCIDR === undefined) return [`${metadata.name} has no podCIDR`];
    return ready && taints.length === 0
      ? []
      : [`${metadata.name} is on: Ready ${ready}, taints ${taints.join(' ')}`];
  });
}
