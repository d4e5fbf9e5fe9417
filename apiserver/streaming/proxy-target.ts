import { BlockList, isIP } from 'node:net';
import type { EndpointAddress, Endpoints, Pod, Service } from '../../api/generated/core-v1.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import type { Random } from '../../base/random.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import { type AgentAddress, agentOf } from './pod-target.ts';

/** Where a proxied request goes, and how one gets there. */
export interface ProxyTarget {
  /** `agent` is the node's own server, spoken to as the API server. */
  readonly kind: 'address' | 'agent';
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** The agent that can reach the address; left out: it is reached from here. */
  readonly via?: AgentAddress;
}

export interface ProxyPlace {
  readonly cache: ReadCache;
  readonly random: Random;
  readonly namespace: string;
  /** `name`, `name:port` or `scheme:name:port`. */
  readonly id: string;
}

interface SplitName {
  readonly scheme: '' | 'http' | 'https';
  readonly name: string;
  readonly port: string;
}

/** @returns undefined when it has none of the three forms */
export function splitSchemeNamePort(id: string): SplitName | undefined {
  const parts = id.split(':');
  const [first = '', second = '', third = ''] = parts;
  if (parts.length > 3) return undefined;
  const split = parts.length === 3 ? [first, second, third] : ['', first, second];
  const [scheme = '', name = '', port = ''] = split;
  if (name === '' || (scheme !== '' && scheme !== 'http' && scheme !== 'https')) return undefined;
  return { scheme, name, port };
}

function splitOrRefuse(id: string, kind: string): SplitName {
  const split = splitSchemeNamePort(id);
  if (split === undefined) throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`);
  return split;
}

function unavailable(message: string): StatusError {
  return new StatusError({ reason: 'ServiceUnavailable', code: 503, message });
}

/** @throws StatusError 400, 404 */
export function podTarget(place: ProxyPlace): ProxyTarget {
  const { scheme, name, port } = splitOrRefuse(place.id, 'pod');
  const found = place.cache.get('/pods', place.namespace, name);
  if (found === undefined) throw notFound({ group: '', plural: 'pods' }, name);
  const pod = JSON.parse(found.json.toString()) as Pod;
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  const first = pod.spec?.containers?.find((container) => (container.ports ?? []).length > 0)?.ports?.[0];
  const chosen = port === '' ? first : ports.find((declared) => declared.name === port);
  const number = chosen?.containerPort ?? (port === '' ? schemePort(scheme) : toPort(port));
  return podAddress(place.cache, pod, { scheme, port: number });
}

function podAddress(
  cache: ReadCache,
  pod: Pod,
  { scheme, port }: { readonly scheme: SplitName['scheme']; readonly port: number },
): ProxyTarget {
  const host = pod.status?.podIP ?? '';
  if (!isGlobalUnicast(host)) throw badRequest('address not allowed');
  const via = agentOf(cache, pod.spec?.nodeName ?? '');
  return { kind: 'address', scheme: scheme === '' ? 'http' : scheme, host, port, via };
}

const schemePort = (scheme: SplitName['scheme']): number => (scheme === 'https' ? 443 : 80);

function toPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) throw unavailable(`error trying to reach service: unknown port ${text}`);
  return port;
}

const notGlobal = new BlockList();
notGlobal.addSubnet('0.0.0.0', 32);
notGlobal.addSubnet('127.0.0.0', 8);
notGlobal.addSubnet('169.254.0.0', 16);
notGlobal.addSubnet('224.0.0.0', 4);
notGlobal.addAddress('255.255.255.255');

/** Loopback, link-local and multicast addresses are the API server's own surroundings: nobody is let there. */
function isGlobalUnicast(address: string): boolean {
  return isIP(address) === 4 && !notGlobal.check(address);
}

/** One of the ready pods behind the service, by chance. @throws StatusError 400, 404, 503 */
export function serviceTarget(place: ProxyPlace): ProxyTarget {
  const { cache, namespace, random } = place;
  const { scheme, name, port } = splitOrRefuse(place.id, 'service');
  const portName = /^\d+$/.test(port) ? portNameOf(place, name, Number(port)) : port;
  const found = cache.get('/endpoints', namespace, name);
  if (found === undefined) throw notFound({ group: '', plural: 'endpoints' }, name);
  const { subsets = [] } = JSON.parse(found.json.toString()) as Endpoints;
  const candidates = subsets.flatMap(({ addresses = [], ports = [] }) =>
    ports
      .filter((declared) => (declared.name ?? '') === portName)
      .flatMap((declared) => addresses.map((address) => ({ address, port: declared.port }))),
  );
  for (
    let start = Math.floor(random.next() * candidates.length), tried = 0;
    tried < candidates.length;
    tried += 1
  ) {
    const candidate = candidates[(start + tried) % candidates.length];
    const pod = candidate === undefined ? undefined : podBehind(place, candidate.address);
    if (candidate !== undefined && pod !== undefined)
      return podAddress(cache, pod, { scheme, port: candidate.port });
  }
  throw unavailable(`no endpoints available for service ${JSON.stringify(name)}`);
}

function portNameOf({ cache, namespace }: ProxyPlace, name: string, port: number): string {
  const found = cache.get('/services', namespace, name);
  if (found === undefined) throw notFound({ group: '', plural: 'services' }, name);
  const { spec } = JSON.parse(found.json.toString()) as Service;
  const declared = (spec?.ports ?? []).find((candidate) => candidate.port === port);
  if (declared === undefined)
    throw unavailable(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return declared.name ?? '';
}

/** Whoever may write endpoints must not thereby reach any address: only those that pods have count. */
function podBehind({ cache, namespace }: ProxyPlace, { ip, targetRef }: EndpointAddress): Pod | undefined {
  if (targetRef?.kind !== 'Pod' || targetRef.namespace !== namespace) return undefined;
  const found = cache.get('/pods', namespace, targetRef.name ?? '');
  if (found === undefined) return undefined;
  const pod = JSON.parse(found.json.toString()) as Pod;
  return (pod.status?.podIPs ?? []).some((address) => address.ip === ip) ? pod : undefined;
}

/** The node's agent, or another port of the node. @throws StatusError 400, 404 */
export function nodeTarget({ cache, id }: ProxyPlace): ProxyTarget {
  const { scheme, name, port } = splitOrRefuse(id, 'node');
  const agent = agentOf(cache, name);
  if (port === '' || port === String(agent.port)) return { kind: 'agent', scheme: 'https', ...agent };
  if (!isGlobalUnicast(agent.host)) throw badRequest('address not allowed');
  return {
    kind: 'address',
    scheme: scheme === 'https' ? 'https' : 'http',
    host: agent.host,
    port: toPort(port),
  };
}
