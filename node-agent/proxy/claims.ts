import type { Frontend } from './frontend.ts';

/**
 * Which service has which frontend. Two load balancers may want the same port of the nodes: the better rank has it,
 * and the other gets it when that one goes.
 */
export class Claims {
  readonly #byService = new Map<string, ReadonlyMap<string, Frontend>>();
  readonly #claimants = new Map<string, Set<string>>();

  /** @returns the ids of frontends that may have changed: those of before and those of now. */
  set(serviceKey: string, frontends: readonly Frontend[]): Set<string> {
    const before = this.#byService.get(serviceKey) ?? new Map<string, Frontend>();
    const after = new Map(frontends.map((frontend) => [frontend.id, frontend]));
    for (const id of before.keys()) if (!after.has(id)) this.#release(id, serviceKey);
    for (const id of after.keys()) this.#claim(id, serviceKey);
    if (after.size === 0) this.#byService.delete(serviceKey);
    else this.#byService.set(serviceKey, after);
    return new Set([...before.keys(), ...after.keys()]);
  }

  /** The frontend as it shall be in the kernel. */
  winner(id: string): Frontend | undefined {
    let best: Frontend | undefined;
    for (const serviceKey of this.#claimants.get(id) ?? []) {
      const frontend = this.#byService.get(serviceKey)?.get(id);
      if (frontend !== undefined && (best === undefined || frontend.rank < best.rank)) best = frontend;
    }
    return best;
  }

  ids(): IterableIterator<string> {
    return this.#claimants.keys();
  }

  #claim(id: string, serviceKey: string): void {
    const claimants = this.#claimants.get(id);
    if (claimants === undefined) this.#claimants.set(id, new Set([serviceKey]));
    else claimants.add(serviceKey);
  }

  #release(id: string, serviceKey: string): void {
    const claimants = this.#claimants.get(id);
    claimants?.delete(serviceKey);
    if (claimants?.size === 0) this.#claimants.delete(id);
  }
}
