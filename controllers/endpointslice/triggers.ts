import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { keyOf } from '../../client/object-key.ts';
import { nodeHealth, zoneLabel } from '../node-state.ts';
import { isPodReady, isPodTerminal, isTerminating } from '../pod-state.ts';
import { nodeIndex, type SharedInformers } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import type { ServicePods } from './service-pods.ts';

/** Turns events into keys of services, for changes that their endpoints show. */
export function watchServices(
  informers: SharedInformers,
  servicePods: ServicePods,
  enqueue: (key: string) => void,
): void {
  const enqueuePod = (pod: Pod): void => {
    for (const key of servicePods.servicesOf(pod)) enqueue(key);
  };
  // The index of services must know a service before its pods are asked for.
  servicePods.watch();
  informers.services.addHandler({
    onAdd: (service) => enqueue(keyOf(service)),
    onUpdate: (_previous, service) => enqueue(keyOf(service)),
    onDelete: (service) => enqueue(keyOf(service)),
  });
  informers.pods.addHandler({
    onAdd: enqueuePod,
    onUpdate: (previous, pod) => {
      const relabelled = !isSame(previous.metadata.labels, pod.metadata.labels);
      if (relabelled) enqueuePod(previous);
      if (relabelled || visible(previous) !== visible(pod)) enqueuePod(pod);
    },
    onDelete: enqueuePod,
  });
  const enqueueNode = (node: Node): void => {
    for (const pod of informers.pods.lister.byIndex(nodeIndex, node.metadata.name)) enqueuePod(pod);
  };
  informers.nodes.addHandler({
    onAdd: enqueueNode,
    onUpdate: (previous, node) => {
      const changed = nodeHealth(previous) !== nodeHealth(node);
      if (changed || previous.metadata.labels?.[zoneLabel] !== node.metadata.labels?.[zoneLabel])
        enqueueNode(node);
    },
    onDelete: enqueueNode,
  });
  const enqueueOwner = (slice: { readonly metadata: Pod['metadata'] }): void => {
    const name = slice.metadata.labels?.['kubernetes.io/service-name'];
    if (name !== undefined) enqueue(`${slice.metadata.namespace}/${name}`);
  };
  informers.endpointSlices.addHandler({
    onUpdate: (_previous, slice) => enqueueOwner(slice),
    onDelete: enqueueOwner,
  });
}

/** All of a pod that an endpoint shows, besides its labels. */
function visible(pod: Pod): string {
  const { spec, status } = pod;
  const state = [isPodReady(pod), isPodTerminal(pod), isTerminating(pod)].join();
  return [status?.podIP, spec.nodeName, spec.hostname, spec.subdomain, state].join(' ');
}
