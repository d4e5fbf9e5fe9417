/**
 * What rules about domains say of a node when the pods that are nominated for it are there already. As in Kubernetes
 * only those of this or a higher priority count, and only for the node itself: others in its domains do not see them.
 */
import type { NamedRejection, WeighedRule } from '../framework/evaluate.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { DomainCounter } from './domain-counter.ts';

/**
 * Only such a refusal counts: that the pod is welcome beside them says nothing, since they may never come.
 * Cost: nothing for a node without nominations.
 */
export function rejectBesideNominated(
  rules: readonly WeighedRule[],
  pod: PodClass,
  node: NodeInfo,
): NamedRejection | undefined {
  if (node.nominations.length === 0 || rules.length === 0) return undefined;
  const expected = node.nominations.flatMap(({ podClass }) =>
    podClass.priority >= pod.priority ? [podClass] : [],
  );
  const counters = new Set(rules.flatMap(({ rule }) => rule.counters as readonly DomainCounter[]));
  const more = [...counters].flatMap((counter) => {
    const by = expected.filter((one) => counter.spec.counts(one)).length;
    return by === 0 ? [] : [{ counter, by }];
  });
  if (more.length === 0) return undefined;
  for (const { counter, by } of more) counter.imagine(node.slot, by);
  const rejection = rejectByDomain(rules, node);
  for (const { counter, by } of more) counter.imagine(node.slot, -by);
  return rejection;
}

/** What the first rule to refuse the node's domains says. */
export function rejectByDomain(rules: readonly WeighedRule[], node: NodeInfo): NamedRejection | undefined {
  for (const { plugin, rule } of rules) {
    const [counter] = rule.counters as readonly DomainCounter[];
    const rejection = counter === undefined ? undefined : rule.reject(counter.topology.domainOf(node.slot));
    if (rejection !== undefined) return { plugin, ...rejection };
  }
  return undefined;
}
