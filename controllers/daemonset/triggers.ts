import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { keyOf, objectKey } from '../../client/object-key.ts';
import type { Expectations } from '../expectations.ts';
import { controllerOf } from '../ownership.ts';
import { isTerminating } from '../pod-state.ts';
import { selectingPods } from '../selector-index.ts';
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
  watchPods(informers, expectations, soon);
  watchNodes(informers, soon);
}

function watchPods(
  informers: SharedInformers,
  expectations: Expectations,
  soon: (key: string) => void,
): void {
  const observe = (pod: Pod): void => {
    const owner = ownerKey(pod);
    if (owner === undefined) {
      if (controllerOf(pod) !== undefined || isTerminating(pod)) return;
      for (const one of selectingPods(informers.daemonSets.lister, pod, ({ spec }) => spec.selector))
        soon(keyOf(one));
      return;
    }
    expectations.creationObserved(owner, pod.metadata.name);
    if (isTerminating(pod)) expectations.deletionObserved(owner, pod.metadata.uid);
    soon(owner);
  };
  informers.pods.addHandler({
    onAdd: observe,
    onUpdate: (previous, pod) => {
      const before = ownerKey(previous);
      if (before !== undefined && before !== ownerKey(pod)) soon(before);
      observe(pod);
    },
    onDelete: (pod) => {
      const owner = ownerKey(pod);
      if (owner === undefined) return;
      expectations.creationObserved(owner, pod.metadata.name);
      expectations.deletionObserved(owner, pod.metadata.uid);
      soon(owner);
    },
  });
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

function ownerKey(pod: Pod): string | undefined {
  const owner = controllerOf(pod);
  return owner?.kind === 'DaemonSet' ? objectKey(pod.metadata.namespace, owner.name) : undefined;
}
