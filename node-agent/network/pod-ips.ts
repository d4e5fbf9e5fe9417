import { containsIpv4, formatIpv4, type Ipv4Range, parseIpv4, parseIpv4Range } from './ipv4.ts';

/** No address of the node's pod range is free. */
export class PodCidrExhaustedError extends Error {
  readonly code = 'POD_CIDR_EXHAUSTED';

  constructor(podCidr: string) {
    super(`no free address in the node's pod range ${podCidr}`);
  }
}

/**
 * Which addresses of a node's range are taken. Goes round: a freed address is given again only after all the others,
 * so that what is still on its way to the old pod does not meet a new one.
 */
export class PodIps {
  readonly #range: Ipv4Range;
  readonly #cidr: string;
  readonly #taken = new Set<string>();
  #last: number;

  /** @param last the address given last, to go on after it */
  constructor(podCidr: string, last?: string) {
    this.#cidr = podCidr;
    this.#range = parseIpv4Range(podCidr);
    const after = last === undefined || !containsIpv4(this.#range, last) ? undefined : parseIpv4(last);
    this.#last = after ?? this.#range.base + 1;
  }

  /** Marks an address that a pod has from before. */
  take(ip: string): void {
    this.#taken.add(ip);
  }

  /** @throws PodCidrExhaustedError */
  allocate(): string {
    const first = this.#range.base + 2;
    const count = this.#range.size - 3;
    for (let step = 1; step <= count; step += 1) {
      const candidate = first + ((((this.#last - first + step) % count) + count) % count);
      const ip = formatIpv4(candidate);
      if (this.#taken.has(ip)) continue;
      this.#taken.add(ip);
      this.#last = candidate;
      return ip;
    }
    throw new PodCidrExhaustedError(this.#cidr);
  }

  free(ip: string): void {
    this.#taken.delete(ip);
  }
}
