import { isIP } from 'node:net';

interface Range {
  readonly family: number;
  readonly address: bigint;
  readonly prefix: number;
}

function toBigint(ip: string): bigint {
  if (isIP(ip) === 4) return ip.split('.').reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = '', tail] = ip.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const middle = tail === undefined ? [] : Array.from({ length: 8 - front.length - back.length }, () => '0');
  return [...front, ...middle, ...back].reduce((sum, group) => sum * 65536n + BigInt(`0x${group}`), 0n);
}

function parse(cidr: string): Range | undefined {
  const [ip = '', prefix = '', extra] = cidr.split('/');
  const family = isIP(ip);
  const bits = family === 4 ? 32 : 128;
  if (family === 0 || extra !== undefined || !/^\d{1,3}$/.test(prefix) || Number(prefix) > bits)
    return undefined;
  if (family === 6 && ip.includes('.')) return undefined;
  return { family, address: toBigint(ip), prefix: Number(prefix) };
}

export const isCidr = (text: string): boolean => parse(text) !== undefined;

/** Is `inner` smaller than `outer`, and inside it? */
export function isStrictSubnet(inner: string, outer: string): boolean {
  const [small, large] = [parse(inner), parse(outer)];
  if (small === undefined || large === undefined || small.family !== large.family) return false;
  if (small.prefix <= large.prefix) return false;
  const shift = BigInt((large.family === 4 ? 32 : 128) - large.prefix);
  return small.address >> shift === large.address >> shift;
}
