/**
 * Random clusters and pods against a reference that looks at stored objects only and knows nothing of the plugins:
 * every placement keeps the rules, and a pod is left out only when no node keeps them.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../api/generated/core-v1.ts';
import { toMillis } from '../api/quantity.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { prepareEvaluation } from './framework/evaluate.ts';
import type { PluginSet } from './framework/plugin.ts';
import { PodClasses } from './framework/pod-class.ts';
import { defaultPlugins } from './plugin-registry.ts';
import { schedule } from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';

interface Placement {
  readonly pod: Pod;
  readonly node: Node;
}

/** Rules that `pod` on `node` breaks, beside what is there already. */
function brokenRules(pod: Pod, node: Node, there: readonly Pod[]): string[] {
  const broken: string[] = [];
  const all = [...there, pod];
  const cpu = (of: Pod): number => toMillis(of.spec.containers[0]?.resources?.requests?.['cpu'] ?? '0');
  const used = all.reduce((sum, one) => sum + cpu(one), 0);
  if (cpu(pod) > 0 && used > toMillis(node.status?.allocatable?.['cpu'] ?? '0')) broken.push('cpu');
  if (all.length > Number(node.status?.allocatable?.['pods'])) broken.push('pods');
  for (const taint of node.spec?.taints ?? [])
    if (!(pod.spec.tolerations ?? []).some(({ key }) => key === taint.key)) broken.push('taint');
  for (const [key, value] of Object.entries(pod.spec.nodeSelector ?? {}))
    if (node.metadata.labels?.[key] !== value) broken.push('selector');
  const portsOf = (of: Pod): unknown[] =>
    (of.spec.containers[0]?.ports ?? []).map(({ hostPort }) => hostPort);
  const taken = there.flatMap(portsOf);
  if (portsOf(pod).some((port) => taken.includes(port))) broken.push('port');
  return broken;
}

const nodeDrafts = fc.array(
  fc.record({
    cpu: fc.constantFrom('500m', '1', '2', '4'),
    pods: fc.integer({ min: 0, max: 5 }),
    zone: fc.constantFrom('a', 'b'),
    tainted: fc.boolean(),
  }),
  { maxLength: 8 },
);

const podDrafts = fc.array(
  fc.record({
    cpu: fc.constantFrom(undefined, '100m', '700m', '2'),
    hostPort: fc.constantFrom(undefined, undefined, 80, 443),
    zone: fc.constantFrom(undefined, undefined, 'a', 'b'),
    tolerates: fc.boolean(),
    owner: fc.constantFrom(undefined, 'x', 'y'),
    /** Removes the pod placed longest ago before this one comes. */
    removesOne: fc.boolean(),
  }),
  { maxLength: 40 },
);

const nodesOf = (drafts: readonly { cpu: string; pods: number; zone: string; tainted: boolean }[]): Node[] =>
  drafts.map(({ cpu, pods, zone, tainted }, i) =>
    aNode({
      name: `node-${i}`,
      cpu,
      pods,
      labels: { zone },
      taints: tainted ? [{ key: 'dedicated', effect: 'NoSchedule' }] : [],
    }),
  );

type PodShape = typeof podDrafts extends fc.Arbitrary<(infer D)[]> ? D : never;

const podOf = ({ cpu, hostPort, zone, tolerates, owner }: PodShape): Pod =>
  aPod({
    cpu,
    owner,
    hostPorts: hostPort === undefined ? [] : [hostPort],
    spec: {
      nodeSelector: zone === undefined ? {} : { zone },
      tolerations: tolerates ? [{ key: 'dedicated', operator: 'Exists' }] : [],
    },
  });

/** Schedules one after the other; gives everything that is wrong. */
function faultsOf(nodes: readonly Node[], drafts: readonly PodShape[], plugins: PluginSet): string[] {
  const cluster = new Cluster();
  for (const node of nodes) cluster.setNode(node);
  const context = { cluster, plugins, index: new PlacementIndex(cluster, plugins) };
  const classes = new PodClasses();
  const placements: Placement[] = [];
  const faults: string[] = [];
  for (const draft of drafts) {
    const removed = draft.removesOne ? placements.shift() : undefined;
    if (removed !== undefined) cluster.removePod(removed.pod.metadata.uid);
    const pod = podOf(draft);
    const podClass = classes.of(pod);
    const on = (node: Node): Pod[] =>
      placements.filter((placed) => placed.node === node).map((placed) => placed.pod);
    const chosen = schedule(context, podClass, leastLoaded);
    const evaluation = prepareEvaluation(plugins, podClass, cluster);
    const best = Math.max(
      ...[...cluster.nodes]
        .filter((node) => evaluation.filter(node) === undefined)
        .map((node) => evaluation.score(node)),
    );
    if (chosen !== undefined && evaluation.score(chosen) < best) faults.push('not the best node');
    const node = nodes.find(({ metadata }) => metadata.name === chosen?.name);
    if (node === undefined) {
      if (nodes.some((candidate) => brokenRules(pod, candidate, on(candidate)).length === 0))
        faults.push('left out');
      continue;
    }
    faults.push(...brokenRules(pod, node, on(node)));
    const { uid, name } = pod.metadata;
    cluster.setPod({ uid, name, podClass, nodeName: node.metadata.name, isLive: true, isAssumed: true });
    placements.push({ pod, node });
  }
  return faults;
}

describe('placements', () => {
  it('keep every rule, and leave out no pod that fits', () => {
    fc.assert(
      fc.property(nodeDrafts, podDrafts, (nodes, pods) => {
        expect(faultsOf(nodesOf(nodes), pods, defaultPlugins)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  it.each(['NodeResourcesFit', 'TaintToleration', 'NodeAffinity', 'NodePorts'])(
    'are caught when %s does not filter',
    (missing) => {
      const planted = {
        ...defaultPlugins,
        nodeFilters: defaultPlugins.nodeFilters.filter(({ name }) => name !== missing),
      };
      const found = fc.check(
        fc.property(
          nodeDrafts,
          podDrafts,
          (nodes, pods) => faultsOf(nodesOf(nodes), pods, planted).length === 0,
        ),
        { numRuns: 300 },
      );
      expect(found.failed).toBe(true);
    },
  );
});
