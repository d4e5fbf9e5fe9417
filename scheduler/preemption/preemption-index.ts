/**
 * Where evicting pods of lower priority helps a class of pods, and where it does the least harm. What it would take on
 * each node is remembered until the node changes, so that the next pod of the class costs a few evaluations and one
 * pass over the nodes.
 *
 * A class with constraints between pods is looked at on a limited number of nodes, each tried with the victims away.
 */

import type { PlacedPod } from '../cache/cluster.ts';
import type { DiagnosisSummary } from '../diagnosis-memo.ts';
import { countReasons } from '../diagnosis-message.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { infeasible } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { SchedulingContext } from '../schedule.ts';
import { type DisruptionBudget, violatingPods } from './disruption-budget.ts';
import { byImportance, type Candidate, compareHarm, findVictims, type NoCandidate } from './victims.ts';

const maxClasses = 16;
/** Nodes on which constraints between pods are tried, the least harmful first. */
const maxTried = 100;
/** Of those on which it works the best of so many will do. */
const enoughFound = 8;
const notHelpful: NoCandidate = { reasons: ['Preemption is not helpful for scheduling'] };

interface ClassCandidates {
  readonly bySlot: (Candidate | NoCandidate | undefined)[];
  position: number;
}

export type PreemptionPlan =
  | { readonly node: string; readonly victims: readonly PlacedPod[] }
  /** Reasons of each node. */
  | { readonly node: undefined; readonly reasons: ReadonlyMap<string, number> };

export class PreemptionIndex {
  readonly #context: SchedulingContext;
  readonly #classes = new Map<PodClass, ClassCandidates>();
  #budgets: readonly DisruptionBudget[] = [];

  constructor(context: SchedulingContext) {
    this.#context = context;
  }

  setBudgets(budgets: readonly DisruptionBudget[]): void {
    this.#budgets = budgets;
    this.#classes.clear();
  }

  /** The plan that does the least harm. Nothing is changed. */
  plan(pod: PodClass, diagnosis: DiagnosisSummary): PreemptionPlan {
    const { bySlot } = this.#refresh(pod);
    const { cluster, index } = this.#context;
    const hasRules = index.placementOf(pod).rules.some(({ rule }) => rule.isHard);
    const best = hasRules ? this.#bestByTrying(pod, bySlot, diagnosis) : leastHarmful(bySlot);
    if (best !== undefined) return { node: best.node.name, victims: best.victims };
    const reasons = [...cluster.nodes].flatMap(({ slot }) => {
      const rejection = diagnosis.rejectionAt(slot);
      const found = bySlot[slot];
      if (rejection?.isFinal === true || found === undefined) return notHelpful.reasons;
      return 'reasons' in found ? found.reasons : (rejection?.reasons ?? []);
    });
    return { node: undefined, reasons: countReasons(reasons) };
  }

  /** Whether evicting pods of lower priority on this very node would let the pod on it. Nothing is changed. */
  helpsOn(pod: PodClass, node: NodeInfo): boolean {
    const candidate = this.#evaluate(pod, node.slot);
    if (candidate === undefined || !('node' in candidate)) return false;
    const hasRules = this.#context.index.placementOf(pod).rules.some(({ rule }) => rule.isHard);
    return !hasRules || this.#tryOn(pod, node) !== undefined;
  }

  #refresh(pod: PodClass): ClassCandidates {
    const { changes, slotCount } = this.#context.cluster;
    const known = this.#classes.get(pod);
    const changed = known === undefined ? undefined : changes.since(known.position);
    const candidates = changed === undefined || known === undefined ? { bySlot: [], position: 0 } : known;
    const slots = changed ?? Array.from({ length: slotCount }, (_, slot) => slot);
    for (const slot of slots) candidates.bySlot[slot] = this.#evaluate(pod, slot);
    candidates.position = changes.position;
    this.#classes.delete(pod);
    this.#classes.set(pod, candidates);
    const [oldest] = this.#classes.keys();
    if (oldest !== undefined && this.#classes.size > maxClasses) this.#classes.delete(oldest);
    return candidates;
  }

  #evaluate(pod: PodClass, slot: number): Candidate | NoCandidate | undefined {
    const { cluster, index } = this.#context;
    const node = cluster.nodeAt(slot);
    if (node === undefined) return undefined;
    const local = index.localOf(pod);
    if (local.reject(node)?.isFinal === true) return notHelpful;
    return findVictims({ cluster, pod, local, budgets: this.#budgets }, node);
  }

  #bestByTrying(
    pod: PodClass,
    bySlot: readonly (Candidate | NoCandidate | undefined)[],
    diagnosis: DiagnosisSummary,
  ): Candidate | undefined {
    const candidates = bySlot.flatMap((each) => {
      if (each === undefined || !('node' in each)) return [];
      return diagnosis.rejectionAt(each.node.slot)?.isFinal === true ? [] : [each];
    });
    let best: Candidate | undefined;
    let found = 0;
    const helpful = this.#freeingClaims(pod, candidates);
    for (const candidate of helpful.sort(compareHarm).slice(0, maxTried)) {
      // Constraints between pods only add to the harm.
      if (best !== undefined && (found >= enoughFound || compareHarm(best, candidate) <= 0)) break;
      const tried = this.#tryOn(pod, candidate.node);
      if (tried === undefined) continue;
      found += 1;
      if (best === undefined || compareHarm(tried, best) < 0) best = tried;
    }
    return best;
  }

  /** While another pod uses a claim that the pod must have for itself, it helps only to evict that one. */
  #freeingClaims({ volumes: { exclusive } }: PodClass, candidates: Candidate[]): Candidate[] {
    if (exclusive === undefined) return candidates;
    const hasUser = ({ classesWithVolumes }: NodeInfo): boolean =>
      [...classesWithVolumes.keys()].some(({ volumes: { claims = [] } }) =>
        exclusive.some((claim) => claims.includes(claim)),
      );
    const isInUse = [...this.#context.cluster.nodes].some(hasUser);
    return isInUse ? candidates.filter(({ node }) => hasUser(node)) : candidates;
  }

  /** As `findVictims`, with the pods really away: asks, and puts all of them back. Nobody else sees anything of it. */
  #tryOn(pod: PodClass, node: NodeInfo): Candidate | undefined {
    const { cluster, index } = this.#context;
    const fits = (): boolean => index.placementOf(pod).valueAt(node.slot) !== infeasible;
    const lower = cluster.podsOn(node.name).filter(({ podClass }) => podClass.priority < pod.priority);
    for (const { uid } of lower) cluster.removePod(uid);
    const victims: PlacedPod[] = [];
    const isFit = fits();
    const live = lower.filter(({ isLive }) => isLive).sort(byImportance);
    const violating = violatingPods(live, this.#budgets);
    const [hard, easy] = [
      live.filter((each) => violating.has(each)),
      live.filter((each) => !violating.has(each)),
    ];
    for (const placed of isFit ? [...hard, ...easy] : []) {
      cluster.putBack(placed);
      if (fits()) continue;
      cluster.removePod(placed.uid);
      victims.push(placed);
    }
    for (const placed of lower) cluster.putBack(placed);
    const violations = victims.filter((victim) => violating.has(victim)).length;
    return isFit ? { node, victims: victims.sort(byImportance), violations } : undefined;
  }
}

function leastHarmful(bySlot: readonly (Candidate | NoCandidate | undefined)[]): Candidate | undefined {
  let best: Candidate | undefined;
  for (const each of bySlot) {
    if (each === undefined || !('node' in each)) continue;
    if (best === undefined || compareHarm(each, best) < 0) best = each;
  }
  return best;
}
