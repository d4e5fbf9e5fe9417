import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** Whoever sends more of them is told of by these. */
const maxAddresses = 16;

/**
 * Whom a request comes from: what proxies say of it (`X-Forwarded-For`, `X-Real-Ip`), then the address of the connection. Only the last
 * one is certain.
 */
export function sourceIps(headers: IncomingHttpHeaders, remote: string | undefined): readonly string[] {
  const forwarded = textOf(headers['x-forwarded-for']);
  const real = textOf(headers['x-real-ip']).trim();
  if (forwarded === '' && real === '') return remote === undefined ? [] : [remote];
  const said = forwarded.split(',').map((part) => part.trim());
  const found = said.filter((part) => isIP(part) !== 0).slice(0, maxAddresses);
  if (isIP(real) !== 0 && !found.includes(real)) found.push(real);
  if (remote !== undefined && found.at(-1) !== remote) found.push(remote);
  return found;
}

const textOf = (value: string | string[] | undefined): string =>
  value === undefined ? '' : [value].flat().join(',');
