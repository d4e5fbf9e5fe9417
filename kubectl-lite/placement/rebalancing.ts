/** What rebalancing would move, as things stand now: the scheduler's own search, move after move. Pure; uses the snapshot up. */

import { type Move, nextMove } from '../../scheduler/rebalance/next-move.ts';
import { isIll } from '../../scheduler/rebalance/node-health.ts';
import { nodeLoad } from '../../scheduler/rebalance/node-load.ts';
import { align } from '../printers/table.ts';
import { compareNames } from './node-loads.ts';
import type { Snapshot } from './snapshot.ts';

const maxMoves = 500;
/** Nodes whose load does not change are counted, not listed, when there are more than this. */
const maxListed = 20;

export interface NodeShare {
  /** 0 to 1: half what is requested, half what is really used; the mean of CPU and memory. */
  readonly load: number;
  readonly pods: number;
}

type Shares = Readonly<Record<string, NodeShare>>;

export interface RebalancePlan {
  readonly moves: readonly (Pick<Move, 'from' | 'to' | 'reason'> & { readonly pod: string })[];
  readonly loads: { readonly before: Shares; readonly after: Shares };
}

export function planRebalancing(snapshot: Snapshot): RebalancePlan {
  const { cluster } = snapshot;
  const before = sharesOf(snapshot);
  const moves: Move[] = [];
  for (let move = search(snapshot, moves); move !== undefined && moves.length < maxMoves; ) {
    moves.push(move);
    cluster.removePod(move.pod.uid);
    cluster.setPod({ ...move.pod, nodeName: move.to });
    move = search(snapshot, moves);
  }
  return {
    moves: moves.map(({ pod, from, to, reason }) => ({ pod: pod.name, from, to, reason })),
    loads: { before, after: sharesOf(snapshot) },
  };
}

/** Each pod moves once at most. */
function search(snapshot: Snapshot, done: readonly Move[]): Move | undefined {
  const { cluster } = snapshot;
  const moved = new Set(done.map(({ pod }) => pod.uid));
  const isWell = (name: string): boolean => {
    const node = snapshot.node(name);
    return node !== undefined && !isIll(node);
  };
  return nextMove({
    cluster,
    sources: [...cluster.nodes].filter((node) => !node.unschedulable && isWell(node.name)),
    contextOf(pod) {
      const profile = snapshot.profileOf(pod);
      return profile?.strategy.name === 'least-loaded' ? profile.context : undefined;
    },
    mayLeave: ({ uid }) => !moved.has(uid) && snapshot.pods.get(uid)?.staysBecause === undefined,
    mayGo: (_pod, to) => isWell(to.name),
    lowLoad: nodeLoad,
    highLoad: (node) => (isWell(node.name) ? nodeLoad(node) : Number.POSITIVE_INFINITY),
  });
}

const sharesOf = ({ cluster }: Snapshot): Shares =>
  Object.fromEntries(
    [...cluster.nodes].map((node): [string, NodeShare] => [
      node.name,
      { load: nodeLoad(node), pods: node.podCount },
    ]),
  );

export function rebalancingText({ moves, loads: { before, after } }: RebalancePlan): string {
  const rows = moves.map(({ pod, from, to, reason }) => [pod, from, to, reason]);
  const names = Object.keys(after).sort(compareNames);
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const listed = names.length <= maxListed ? names : changed;
  const loads = listed.map((name) => [
    name,
    `${percent(before[name])} -> ${percent(after[name])}`,
    `${before[name]?.pods ?? 0} -> ${after[name]?.pods ?? 0}`,
  ]);
  const rest = names.length - listed.length;
  return [
    rows.length === 0
      ? 'No pod would move: nothing would be clearly better.\n'
      : align([['POD', 'FROM', 'TO', 'FOR'], ...rows]),
    loads.length === 0 ? '\n' : `\n${align([['NODE', 'LOAD', 'PODS'], ...loads])}`,
    rest === 0 ? '' : `${rest} nodes as before\n`,
    '\nNothing was changed.\n',
  ].join('');
}

const percent = (share: NodeShare | undefined): string => `${Math.round(100 * (share?.load ?? 0))}%`;
