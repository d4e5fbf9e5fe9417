import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';

/** Which endpoint addresses the slices of all services mention, in whatever condition, and on which node they are. */
export class AddressIndex {
  readonly #entries = new Map<string, { count: number; nodeName: string | undefined }>();

  nodeOf(ip: string): string | undefined {
    return this.#entries.get(ip)?.nodeName;
  }

  onNode(nodeName: string): string[] {
    return [...this.#entries].filter(([, entry]) => entry.nodeName === nodeName).map(([ip]) => ip);
  }

  /** @returns the addresses that no slice mentions any more. */
  replace(previous: EndpointSlice | undefined, next: EndpointSlice | undefined): string[] {
    const gone: string[] = [];
    for (const endpoint of next?.endpoints ?? [])
      for (const ip of endpoint.addresses) {
        const entry = this.#entries.get(ip);
        this.#entries.set(ip, { count: (entry?.count ?? 0) + 1, nodeName: endpoint.nodeName });
      }
    for (const endpoint of previous?.endpoints ?? [])
      for (const ip of endpoint.addresses) {
        const entry = this.#entries.get(ip);
        if (entry === undefined) continue;
        entry.count -= 1;
        if (entry.count > 0) continue;
        this.#entries.delete(ip);
        gone.push(ip);
      }
    return gone;
  }
}
