/**
 * Equal IPv4 blocks out of one range, each held by one node. The next free one after the last is taken, so that a
 * block just given back is not given away at once while packets to its old holder are still on their way.
 */
export class CidrPool {
  readonly #base: number;
  readonly #blockBits: number;
  readonly #maskSize: number;
  readonly #count: number;
  readonly #used = new Set<number>();
  #next = 0;

  /** @throws RangeError when `range` is not an IPv4 CIDR or `maskSize` does not divide it. */
  constructor(range: string, maskSize: number) {
    const parsed = parseCidr(range);
    if (parsed === undefined) throw new RangeError(`"${range}" is not an IPv4 CIDR`);
    if (!(maskSize >= parsed.prefix && maskSize <= 30))
      throw new RangeError(`mask size ${maskSize} does not fit into ${range}`);
    this.#base = parsed.address;
    this.#maskSize = maskSize;
    this.#blockBits = 32 - maskSize;
    this.#count = 2 ** (maskSize - parsed.prefix);
  }

  /** Marks `cidr` as held; one that is not of this pool is nobody's loss. */
  occupy(cidr: string): void {
    const index = this.#indexOf(cidr);
    if (index !== undefined) this.#used.add(index);
  }

  release(cidr: string): void {
    const index = this.#indexOf(cidr);
    if (index !== undefined) this.#used.delete(index);
  }

  /** @returns undefined when all blocks are held. */
  allocate(): string | undefined {
    for (let tried = 0; tried < this.#count; tried += 1) {
      const index = (this.#next + tried) % this.#count;
      if (this.#used.has(index)) continue;
      this.#used.add(index);
      this.#next = index + 1;
      return `${toDotted(this.#base + index * 2 ** this.#blockBits)}/${this.#maskSize}`;
    }
    return undefined;
  }

  #indexOf(cidr: string): number | undefined {
    const parsed = parseCidr(cidr);
    if (parsed === undefined || parsed.prefix !== this.#maskSize) return undefined;
    const index = (parsed.address - this.#base) / 2 ** this.#blockBits;
    return Number.isInteger(index) && index >= 0 && index < this.#count ? index : undefined;
  }
}

function parseCidr(cidr: string): { readonly address: number; readonly prefix: number } | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = match.slice(1).map(Number);
  if (Math.max(a, b, c, d) > 255 || prefix > 32) return undefined;
  const address = a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d;
  return { address: address - (address % 2 ** (32 - prefix)), prefix };
}

function toDotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
