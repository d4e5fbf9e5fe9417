/**
 * What claims get whose pods are placed in thought, before any of it is reserved: no two claims one volume, and a claim
 * that several pods share one volume on one node. Cost: nothing for pods without unbound claims; a pod whose choice
 * another one has narrowed is a class of its own.
 */
import type { SelectableNode } from '../framework/node-affinity-term.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { chooseVolumes } from '../framework/volume-choice.ts';
import type { UnboundClaim } from '../framework/volume-needs.ts';

export class VolumesInThought {
  readonly #claimOf = new Map<string, string>();
  /** The volume, or the node where one is made. */
  readonly #given = new Map<string, { readonly volume: string } | { readonly madeOn: string }>();

  /** The pod as it must be placed beside those before it; itself when none of them matters. */
  narrow(pod: PodClass): PodClass {
    const { unbound } = pod.volumes;
    if (unbound === undefined || this.#given.size === 0) return pod;
    const narrowed = unbound.map((claim) => this.#narrowClaim(claim));
    if (narrowed.every((claim, i) => claim === unbound[i])) return pod;
    const volumes = { ...pod.volumes, unbound: narrowed };
    return { ...pod, key: `${pod.key} ${JSON.stringify(narrowed)}`, volumes };
  }

  /** @param pod narrowed, and admitted by the node */
  take(pod: PodClass, node: SelectableNode): void {
    const { unbound = [] } = pod.volumes;
    for (const [i, choice] of (chooseVolumes(unbound, node) ?? []).entries()) {
      const claim = unbound[i]?.claim ?? '';
      this.#given.set(claim, choice === 'made' ? { madeOn: node.name } : choice);
      if (choice !== 'made') this.#claimOf.set(choice.volume, claim);
    }
  }

  #narrowClaim(wanted: UnboundClaim): UnboundClaim {
    const { claim, volumes } = wanted;
    const given = this.#given.get(claim);
    if (given !== undefined && 'madeOn' in given) return { ...wanted, selectedNode: given.madeOn };
    if (given !== undefined) {
      const own = volumes.filter(({ name }) => name === given.volume);
      return { ...wanted, volumes: own, provisioned: undefined };
    }
    const free = volumes.filter(({ name }) => !this.#claimOf.has(name));
    return free.length === volumes.length ? wanted : { ...wanted, volumes: free };
  }
}
