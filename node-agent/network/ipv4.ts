/** An IPv4 network in CIDR form. */
export interface Ipv4Range {
  /** First address as a number. */
  readonly base: number;
  readonly prefixLength: number;
  /** Number of addresses. */
  readonly size: number;
}

/** @returns undefined when `text` is not four decimal octets. */
export function parseIpv4(text: string): number | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let value = 0;
  for (const octet of octets) {
    if (!/^\d{1,3}$/.test(octet) || Number(octet) > 255) return undefined;
    value = value * 256 + Number(octet);
  }
  return value;
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** @throws TypeError when `cidr` is not an IPv4 network. */
export function parseIpv4Range(cidr: string): Ipv4Range {
  const [ip = '', length = ''] = cidr.split('/');
  const address = parseIpv4(ip);
  const prefixLength = /^\d{1,2}$/.test(length) ? Number(length) : 33;
  if (address === undefined || prefixLength > 32) throw new TypeError(`not an IPv4 network: ${cidr}`);
  const size = 2 ** (32 - prefixLength);
  return { base: address - (address % size), prefixLength, size };
}

export function containsIpv4(range: Ipv4Range, ip: string): boolean {
  const address = parseIpv4(ip);
  return address !== undefined && address >= range.base && address < range.base + range.size;
}

/** A locally administered unicast MAC made from an address: `prefix` is its first two bytes, e.g. `0a:58`. */
export function macOf(prefix: string, ip: string): string {
  const octets = ip.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return `${prefix}:${octets.join(':')}`;
}
