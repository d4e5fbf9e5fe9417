/** The address of each pod, by uid, from its node's range of pods. */
export class PodAddresses {
  readonly #byNode = new Map<string, Map<string, string>>();

  /** The pod has it already. */
  keep(node: string, uid: string, ip: string): void {
    this.#of(node).set(uid, ip);
  }

  /** The pod's address, or the lowest free one. @throws when the range is used up */
  assign(node: string, uid: string, podCidr: string): string {
    const assigned = this.#of(node);
    const known = assigned.get(uid);
    if (known !== undefined) return known;
    const ip = lowestFree(podCidr, new Set(assigned.values()));
    assigned.set(uid, ip);
    return ip;
  }

  release(node: string, uid: string): void {
    this.#byNode.get(node)?.delete(uid);
  }

  #of(node: string): Map<string, string> {
    const known = this.#byNode.get(node) ?? new Map<string, string>();
    this.#byNode.set(node, known);
    return known;
  }
}

/** The first address is the bridge's on a real node, the last is the broadcast address. */
function lowestFree(podCidr: string, taken: ReadonlySet<string>): string {
  const [network = '', bits = '24'] = podCidr.split('/');
  const base = network.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const last = 2 ** (32 - Number(bits)) - 2;
  for (let host = 2; host <= last; host += 1) {
    const value = base + host;
    const ip = [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
    if (!taken.has(ip)) return ip;
  }
  throw new Error(`no free address in ${podCidr}`);
}
