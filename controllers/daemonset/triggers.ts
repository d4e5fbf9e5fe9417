import type { Node } from '../../api/generated/core-v1.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { watchOwnedPods } from '../owned-pods.ts';
import { controllerOf } from '../ownership.ts';
import type { SharedInformers } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { fitOf } from './daemon-pod.ts';

/** A reconciliation looks at all nodes: the more there are, the more events are taken together. */
const batchPerNodeMs = 0.2;
const longestBatchMs = 1_000;

/** Turns events into keys of DaemonSets, and tells the expectations what the cache shows. */
export function watchDaemonSets(
  informers: SharedInformers,
  expectations: Expectations,
  enqueueAfter: (key: string, delayMs: number) => void,
): void {
  const soon = (key: string): void => {
    const delayMs = Math.min(longestBatchMs, informers.nodes.lister.size * batchPerNodeMs);
    enqueueAfter(key, delayMs < 5 ? 0 : delayMs);
  };
  informers.daemonSets.addHandler({
    onAdd: (daemonSet) => enqueueAfter(keyOf(daemonSet), 0),
    onUpdate: (_previous, daemonSet) => enqueueAfter(keyOf(daemonSet), 0),
    onDelete: (daemonSet) => {
      expectations.forget(keyOf(daemonSet));
      enqueueAfter(keyOf(daemonSet), 0);
    },
  });
  informers.controllerRevisions.addHandler({
    onDelete: (revision) => {
      const owner = controllerOf(revision);
      if (owner?.kind === 'DaemonSet') soon(objectKey(revision.metadata.namespace, owner.name));
    },
  });
  watchOwnedPods({
    ...{ kind: 'DaemonSet', owners: informers.daemonSets, pods: informers.pods, expectations },
    selectorOf: ({ spec }) => spec.selector,
    enqueue: soon,
  });
  watchNodes(informers, soon);
}

function watchNodes(informers: SharedInformers, soon: (key: string) => void): void {
  const daemonSets = informers.daemonSets.lister;
  const enqueueAll = (): void => {
    for (const daemonSet of daemonSets.list()) soon(keyOf(daemonSet));
  };
  informers.nodes.addHandler({
    onAdd: (node) => {
      for (const daemonSet of daemonSets.list()) if (fitOf(daemonSet, node).shouldRun) soon(keyOf(daemonSet));
    },
    onUpdate: (previous, node) => {
      if (!matters(previous, node)) return;
      for (const daemonSet of daemonSets.list())
        if (!isSame(fitOf(daemonSet, previous), fitOf(daemonSet, node))) soon(keyOf(daemonSet));
    },
    onDelete: enqueueAll,
  });
}

/** Most updates of nodes are heartbeats, which are nobody's business here. */
function matters(previous: Node, node: Node): boolean {
  return (
    !isSame(previous.metadata.labels, node.metadata.labels) || !isSame(previous.spec.taints, node.spec.taints)
  );
}
