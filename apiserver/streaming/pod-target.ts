import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { badRequest, internalError, notFound } from '../../api/status-error.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';

const defaultAgentPort = 10_250;

/** Where a node's agent listens. */
export interface AgentAddress {
  readonly host: string;
  readonly port: number;
}

/** @throws StatusError 404 when the node is unknown, 500 when it has no address */
export function agentOf(cache: ReadCache, nodeName: string): AgentAddress {
  const found = cache.get('/nodes', '', nodeName);
  if (found === undefined) throw notFound({ group: '', plural: 'nodes' }, nodeName);
  const { status } = JSON.parse(found.json.toString()) as Node;
  const address = status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
  if (address === undefined)
    throw internalError(new Error(`no preferred addresses found; known addresses: ${nodeName} has none`));
  return { host: address, port: status?.daemonEndpoints?.kubeletEndpoint?.Port ?? defaultAgentPort };
}

/** The container that is meant. @throws StatusError 400 when none or an unknown one is named */
export function containerOf(pod: Pod, asked: string): string {
  const { spec, metadata } = pod;
  const names = (spec?.containers ?? []).map(({ name }) => name);
  const initNames = (spec?.initContainers ?? []).map(({ name }) => name);
  const ephemeralNames = (spec?.ephemeralContainers ?? []).map(({ name }) => name);
  if (asked !== '') {
    if ([...names, ...initNames, ...ephemeralNames].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${metadata.name}`);
  }
  const [only] = names;
  if (only !== undefined && names.length === 1 && initNames.length === 0 && ephemeralNames.length === 0)
    return only;
  const chosen = metadata.annotations?.['kubectl.kubernetes.io/default-container'];
  if (chosen !== undefined && names.includes(chosen)) return chosen;
  const init = initNames.length === 0 ? '' : ` or one of the init containers: [${initNames.join(' ')}]`;
  const ephemeral =
    ephemeralNames.length === 0 ? '' : ` or one of the ephemeral containers: [${ephemeralNames.join(' ')}]`;
  throw badRequest(
    `a container name must be specified for pod ${metadata.name}, choose one of: [${names.join(' ')}]${init}${ephemeral}`,
  );
}

/** @throws StatusError 400 when the pod is on no node, or has ended */
export function requireRunningHost(pod: Pod, action: string): string {
  const { name } = pod.metadata;
  const nodeName = pod.spec?.nodeName ?? '';
  if (nodeName === '') throw badRequest(`pod ${name} does not have a host assigned`);
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed')
    throw badRequest(`cannot ${action} a container in a completed pod; current phase is ${phase}`);
  return nodeName;
}
