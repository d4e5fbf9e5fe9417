import { randomBytes } from 'node:crypto';

/** Chance, injected: the simulation seeds it. Not for secrets. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
}

/** The platform's generator. */
export const systemRandom: Random = { next: () => Math.random() };

/** A small, fast, seeded generator (mulberry32): the same seed gives the same sequence. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return {
    next() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
    },
  };
}

/** Kubernetes' alphabet for generated suffixes: no vowels and no look-alikes, so that no words appear. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** A suffix as `generateName` appends it: five letters by default. */
export function randomSuffix(random: Random, length = 5): string {
  let suffix = '';
  for (let i = 0; i < length; i += 1)
    suffix += suffixAlphabet[Math.floor(random.next() * suffixAlphabet.length)];
  return suffix;
}

/** A version 4 UUID, for identities that need not be secret. @see RFC 9562, section 5.4 */
export function randomUuid(random: Random): string {
  let uuid = '';
  for (let group = 0; group < 8; group += 1) {
    let bits = Math.floor(random.next() * 65_536);
    // The version stands in the first four bits of the fourth group of 16, the variant in two bits of the fifth.
    if (group === 3) bits = (bits & 0x0fff) | 0x4000;
    else if (group === 4) bits = (bits & 0x3fff) | 0x8000;
    const hex = (bits + 65_536).toString(16).slice(1);
    uuid += group >= 2 && group <= 5 ? `-${hex}` : hex;
  }
  return uuid;
}

/** Hex of `bytes` unpredictable bytes, for secrets and identities. */
export function secretHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
