import { BlockList, isIP } from 'node:net';
import { invalid } from './field-error.ts';
import type { FieldError } from './strategy.ts';

const ipText = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
export const cidrText = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

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

const canonicalIp = (ip: string): string =>
  isIP(ip) === 6 ? new URL(`http://[${ip}]/`).hostname.slice(1, -1) : ip;
const isMapped = (ip: string): boolean => isIP(ip) === 6 && toBigint(canonicalIp(ip)) >> 32n === 0xffffn;

/** An address as new fields take it: in the one form that it is written in. */
export function strictIpProblems(ip: string): string[] {
  if (isIP(ip) === 0) return [ipText];
  if (isMapped(ip)) return ['must not be an IPv4-mapped IPv6 address'];
  const canonical = canonicalIp(ip);
  return ip === canonical ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

/** A range as new fields take it. */
export function strictCidrProblems(cidr: string): string[] {
  const range = parse(cidr);
  if (range === undefined) return [cidrText];
  const [ip = '', prefix = ''] = cidr.split('/');
  if (/^0\d/.test(prefix)) return ['must not have leading 0s in IP or prefix length'];
  if (isMapped(ip)) return ['must not have an IPv4-mapped IPv6 address'];
  const hostBits = BigInt((range.family === 4 ? 32 : 128) - range.prefix);
  if ((range.address >> hostBits) << hostBits !== range.address)
    return ['must not have bits set beyond the prefix length'];
  const canonical = `${canonicalIp(ip)}/${range.prefix}`;
  return cidr === canonical ? [] : [`must be in canonical form (${JSON.stringify(canonical)})`];
}

/** 4 or 6, or undefined for what is no range. */
export const cidrFamily = (cidr: string): number | undefined => parse(cidr)?.family;

/** Is `inner` smaller than `outer`, and inside it? */
export function isStrictSubnet(inner: string, outer: string): boolean {
  const [small, large] = [parse(inner), parse(outer)];
  if (small === undefined || large === undefined || small.family !== large.family) return false;
  if (small.prefix <= large.prefix) return false;
  const shift = BigInt((large.family === 4 ? 32 : 128) - large.prefix);
  return small.address >> shift === large.address >> shift;
}

function rangeOf(...ranges: readonly (readonly [string, number, 'ipv4' | 'ipv6'])[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix, family] of ranges) list.addSubnet(address, prefix, family);
  return list;
}

const specialRanges: readonly (readonly [BlockList, string])[] = [
  [
    rangeOf(['127.0.0.0', 8, 'ipv4'], ['::1', 128, 'ipv6']),
    'may not be in the loopback range (127.0.0.0/8, ::1/128)',
  ],
  [
    rangeOf(['169.254.0.0', 16, 'ipv4'], ['fe80::', 10, 'ipv6']),
    'may not be in the link-local range (169.254.0.0/16, fe80::/10)',
  ],
  [
    rangeOf(['224.0.0.0', 24, 'ipv4'], ['ff02::', 16, 'ipv6']),
    'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)',
  ],
];
const unspecified = rangeOf(['0.0.0.0', 32, 'ipv4'], ['::', 128, 'ipv6']);

/** An address that traffic can be sent to from elsewhere. @param ip a valid one */
export function validateNonSpecialIp(ip: string, field: string): FieldError[] {
  const family = isIP(ip) === 4 ? 'ipv4' : 'ipv6';
  const errors: FieldError[] = [];
  if (unspecified.check(ip, family)) errors.push(invalid(field, ip, `may not be unspecified (${ip})`));
  for (const [range, problem] of specialRanges)
    if (range.check(ip, family)) errors.push(invalid(field, ip, problem));
  return errors;
}
