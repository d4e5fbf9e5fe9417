/** Which addresses the machine itself has in use. */
import { runCommand } from './command.ts';
import { UserError } from './user-error.ts';

interface IpRoute {
  readonly dst: string;
  readonly dev?: string;
}

/** An address range as first and last number. */
function rangeOf(cidr: string): { first: number; last: number } {
  const [address = '', bits = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

export const overlaps = (a: string, b: string): boolean => {
  const [left, right] = [rangeOf(a), rangeOf(b)];
  return left.first <= right.last && right.first <= left.last;
};

/** What the machine routes to, but for what goes over `ownLink`. */
export async function machineRoutes(ownLink: string): Promise<IpRoute[]> {
  const routes = JSON.parse(
    await runCommand('ip', ['-json', '-4', 'route', 'show', 'table', 'all']),
  ) as IpRoute[];
  const foreign = routes.filter((route) => route.dst !== 'default' && route.dev !== ownLink);
  return foreign.filter((route) => !route.dst.startsWith('127.') && route.dst !== '0.0.0.0');
}

/** @throws UserError when a range of the cluster covers an address that the machine itself routes to. */
export async function refuseOverlap(
  ownLink: string,
  ranges: Readonly<Record<string, string>>,
): Promise<void> {
  const routes = await machineRoutes(ownLink);
  for (const [flag, cidr] of Object.entries(ranges)) {
    if (!/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(cidr))
      throw new UserError(`${flag}: "${cidr}" is not an IPv4 range like 10.0.0.0/16`, 2);
    const route = routes.find((candidate) => overlaps(cidr, candidate.dst));
    if (route !== undefined)
      throw new UserError(
        `${flag}: ${cidr} overlaps the machine's route to ${route.dst} (${route.dev ?? 'no device'})`,
      );
  }
}
