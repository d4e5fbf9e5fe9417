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
  const hex = Array.from({ length: 32 }, () => Math.floor(random.next() * 16).toString(16));
  hex[12] = '4';
  hex[16] = (8 + Math.floor(random.next() * 4)).toString(16);
  const text = hex.join('');
  return [
    [0, 8],
    [8, 12],
    [12, 16],
    [16, 20],
    [20, 32],
  ]
    .map(([from, to]) => text.slice(from, to))
    .join('-');
}

/** Hex of `bytes` unpredictable bytes, for secrets and identities. */
export function secretHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}
