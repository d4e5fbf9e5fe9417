/** An IPv4 range in CIDR form, as numbers. */
export interface Ipv4Range {
  readonly text: string;
  readonly first: number;
  readonly size: number;
}

export function toNumber(address: string): number | undefined {
  const found = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (found === null) return undefined;
  const bytes = found.slice(1).map(Number);
  if (bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

export function toAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}

/** @throws TypeError for what is not a range: flags are checked before. */
export function parseRange(text: string): Ipv4Range {
  const [address = '', bits = ''] = text.split('/');
  const base = toNumber(address);
  const prefix = Number(bits);
  if (base === undefined || !(prefix >= 0 && prefix <= 32)) throw new TypeError(`${text} is no IPv4 range`);
  const size = 2 ** (32 - prefix);
  return { text, first: Math.floor(base / size) * size, size };
}

/** The first address after the network's own: the `kubernetes` Service. */
export const firstAddress = (range: Ipv4Range): string => toAddress(range.first + 1);

/** Whether an object may have it: neither the network's own address nor its broadcast. */
export function isAllocatable(range: Ipv4Range, address: string): boolean {
  const value = toNumber(address);
  return value !== undefined && value > range.first && value < range.first + range.size - 1;
}
