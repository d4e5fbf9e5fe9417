import type { Change } from '../history.ts';
import type { StoredNode, StoredPod } from './bindings.ts';
import type { CheckContext, Checker } from './checker.ts';

const deadTaint = 'coracle.dev/node-dead';
/** A verdict may reach the store this much later than it was reached: requests wait and stores stall. */
const lateMs = 40_000;

/** What is true of the hosts, whatever the control plane believes. */
export interface HostFacts {
  /** Whether its beats reach the detectors. */
  isHeard(node: string): boolean;
}

/** Only nodes that are silent are declared dead, and none while too many are silent together. */
export class EvictionChecker implements Checker {
  readonly #context: CheckContext;
  readonly #hosts: HostFacts;
  readonly #lastSilentMs = new Map<string, number>();
  readonly #held = new Set<string>();

  constructor(context: CheckContext, hosts: HostFacts) {
    this.#context = context;
    this.#hosts = hosts;
  }

  /**
   * `nodes` fall silent together, and are too many: none of them may lose pods until they are released. One that was
   * silent by itself just before may have been declared dead for that.
   */
  hold(nodes: readonly string[]): void {
    for (const node of nodes) if (this.#sinceSilenceMs(node) > lateMs) this.#held.add(node);
  }

  release(nodes: readonly string[]): void {
    for (const node of nodes) {
      this.#held.delete(node);
      this.fellSilent(node);
    }
  }

  /** To be called when a host stops, and when it begins again, to be heard. */
  fellSilent(node: string): void {
    this.#lastSilentMs.set(node, this.#context.nowMs());
  }

  /** How long ago its last silence began or ended. */
  #sinceSilenceMs(node: string): number {
    return this.#context.nowMs() - (this.#lastSilentMs.get(node) ?? Number.NEGATIVE_INFINITY);
  }

  observe({ resource, before, after }: Change): void {
    if (resource === '/nodes' && after !== undefined)
      this.#checkNode(before as StoredNode | undefined, after as StoredNode);
    if (resource === '/pods' && after !== undefined)
      this.#checkPod(before as StoredPod | undefined, after as StoredPod);
  }

  #checkNode(before: StoredNode | undefined, { metadata, spec }: StoredNode): void {
    if (hasDeadTaint(before?.spec) || !hasDeadTaint(spec)) return;
    const name = metadata.name ?? '';
    if (this.#hosts.isHeard(name) && this.#sinceSilenceMs(name) > lateMs)
      this.#context.violate('evictions', `${name} is declared dead and beats`);
    if (this.#held.has(name))
      this.#context.violate('evictions', `${name} is declared dead though too many are silent together`);
  }

  #checkPod(before: StoredPod | undefined, pod: StoredPod): void {
    if (isEvicted(before) || !isEvicted(pod)) return;
    const node = pod.spec.nodeName ?? '';
    if (this.#held.has(node))
      this.#context.violate('evictions', `${pod.metadata.name} on ${node}, one of too many silent nodes`);
  }
}

const hasDeadTaint = (spec: StoredNode['spec'] | undefined): boolean =>
  (spec?.taints ?? []).some(({ key }) => key === deadTaint);

const isEvicted = (pod: StoredPod | undefined): boolean =>
  (pod?.status?.conditions ?? []).some(({ type }) => type === 'DisruptionTarget');
