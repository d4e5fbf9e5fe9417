import type { KindInfo } from '../../api/kind-info.ts';
import { formatQuantity } from '../../api/quantity.ts';
import type { Selector } from '../../api/selector.ts';
import { notFound } from '../../api/status-error.ts';
import { type Clock, delay, toTime } from '../../base/clock.ts';
import { type Answer, methodNotAllowed, objectAnswer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import { parseFieldSelector } from '../http/field-selector.ts';
import { negotiate } from '../http/negotiation.ts';
import type { Handled, VirtualHandler } from '../http/router.ts';
import { parseLabelSelector } from '../http/selector-parser.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';
import {
  AgentUsage,
  type AgentUsageOptions,
  type ContainerUsage,
  type NodeUsage,
  shortestWindowMs,
} from './agent-usage.ts';

const group = 'metrics.k8s.io';
const version = 'v1beta1';
const apiVersion = `${group}/${version}`;
/** Agents that are asked at the same time for one request. */
const parallel = 64;
/** After the shortest span of a rate, by the agent's clock too. */
const secondLookMs = shortestWindowMs + 100;
/** Objects of the cache that are gone through without a pause. */
const sliceLength = 2_000;

const base = { group, version, singular: '', shortNames: [], categories: [], subresources: [], schema: '' };
const verbs = ['get', 'list'];

/** The resource metrics API: what `kubectl top` and autoscalers read. */
export const metricsKinds: readonly KindInfo[] = [
  { ...base, kind: 'NodeMetrics', plural: 'nodes', namespaced: false, verbs },
  { ...base, kind: 'PodMetrics', plural: 'pods', namespaced: true, verbs },
];

/** Handlers by `group/version/plural`. */
export function metricsRoutes(deps: AgentUsageOptions): [string, VirtualHandler][] {
  const usage = new AgentUsage(deps);
  const looks: LookAt = (nodes) => usagesOf(usage, deps.clock, nodes);
  return [
    [
      `${apiVersion}/nodes`,
      (request) => answer(deps, request, '/nodes', (found) => nodeMetrics(looks, found)),
    ],
    [`${apiVersion}/pods`, (request) => answer(deps, request, '/pods', (found) => podMetrics(looks, found))],
  ];
}

/** What the nodes of these names use; without those that do not answer. */
type LookAt = (nodes: readonly string[]) => Promise<ReadonlyMap<string, NodeUsage>>;

interface Metrics {
  readonly metadata: object;
  readonly timestamp: string;
  readonly window: string;
}

async function answer(
  { cache, clock }: { readonly cache: ReadCache; readonly clock: Clock },
  request: ApiRequest,
  resource: '/nodes' | '/pods',
  read: (objects: readonly CachedObject[]) => Promise<readonly Metrics[]>,
): Promise<Handled> {
  const { info, query, headers } = request;
  const plural = resource.slice(1);
  const kind = resource === '/nodes' ? 'NodeMetrics' : 'PodMetrics';
  const give = (object: object): Answer => objectAnswer(200, object, negotiate(headers.accept));
  if (info.verb === 'get') {
    const found = cache.get(resource, info.namespace, info.name);
    const [metrics] = found === undefined ? [] : await read([found]);
    if (metrics === undefined) throw notFound({ group, plural }, missingName(info.namespace, info.name));
    return give({ kind, apiVersion, ...metrics });
  }
  if (info.verb !== 'list') throw methodNotAllowed();
  const objects = await select(cache, clock, {
    ...{ resource, namespace: info.namespace },
    labels: parseLabelSelector(query.get('labelSelector') ?? undefined),
    fields: parseFieldSelector(query.get('fieldSelector') ?? undefined),
  });
  return give({ kind: `${kind}List`, apiVersion, metadata: {}, items: await read(objects) });
}

const missingName = (namespace: string, name: string): string =>
  namespace === '' ? name : `${namespace}/${name}`;

async function select(
  cache: ReadCache,
  clock: Clock,
  query: {
    readonly resource: string;
    readonly namespace: string;
    readonly labels: Selector;
    readonly fields: Selector;
  },
): Promise<readonly CachedObject[]> {
  const found: CachedObject[] = [];
  let after: string | undefined;
  do {
    const page = cache.list({ ...query, after, limit: sliceLength });
    found.push(...page.objects);
    after = page.next;
    if (after !== undefined) await new Promise<void>((resolve) => clock.setImmediate(resolve));
  } while (after !== undefined);
  return found;
}

const nanoCores = (value: number): string => formatQuantity({ nanos: BigInt(value), format: 'DecimalSI' });
const kibibytes = (bytes: number): string => `${Math.ceil(bytes / 1_024)}Ki`;

async function nodeMetrics(lookAt: LookAt, objects: readonly CachedObject[]): Promise<readonly Metrics[]> {
  const looks = await lookAt(objects.map(({ name }) => name));
  return objects.flatMap((object) => {
    const look = looks.get(object.name);
    if (look?.cpuNanoCores === undefined) return [];
    const { cpuNanoCores, memoryBytes } = look;
    return [
      {
        ...frameOf(object, look),
        usage: { cpu: nanoCores(cpuNanoCores), memory: kibibytes(memoryBytes) },
      },
    ];
  });
}

async function podMetrics(lookAt: LookAt, objects: readonly CachedObject[]): Promise<readonly Metrics[]> {
  const nodeOf = ({ fields }: CachedObject): string => fields.get('spec.nodeName') ?? '';
  const looks = await lookAt(objects.map(nodeOf));
  return objects.flatMap((object) => {
    const look = looks.get(nodeOf(object));
    const containers = look?.pods.get(`${object.namespace}/${object.name}`);
    if (look === undefined || containers === undefined) return [];
    return [{ ...frameOf(object, look), containers: containers.map(toContainer) }];
  });
}

const toContainer = ({ name, cpuNanoCores, memoryBytes }: ContainerUsage): object => ({
  ...{ name, usage: { cpu: nanoCores(cpuNanoCores), memory: kibibytes(memoryBytes) } },
});

function frameOf({ name, namespace, labels }: CachedObject, look: NodeUsage): Metrics {
  const time = toTime(look.atMs);
  return {
    metadata: {
      name,
      ...(namespace === '' ? {} : { namespace }),
      ...{ creationTimestamp: time, labels: Object.fromEntries(labels) },
    },
    timestamp: time,
    window: `${Math.round(look.windowMs / 1_000)}s`,
  };
}

/** Each node is looked at once, or, since rates need two looks, once more when it has not been looked at before. */
export async function usagesOf(
  usage: Pick<AgentUsage, 'of'>,
  clock: Clock,
  names: readonly string[],
): Promise<ReadonlyMap<string, NodeUsage>> {
  const found = new Map<string, NodeUsage>();
  await lookAtAll(usage, new Set(names), found);
  const unknown = [...found].filter(([, { cpuNanoCores }]) => cpuNanoCores === undefined);
  if (unknown.length > 0) {
    await delay(clock, secondLookMs);
    await lookAtAll(usage, new Set(unknown.map(([name]) => name)), found);
  }
  return found;
}

/** A bounded number at a time. */
async function lookAtAll(
  usage: Pick<AgentUsage, 'of'>,
  names: ReadonlySet<string>,
  found: Map<string, NodeUsage>,
): Promise<void> {
  const nodes = [...names].filter((name) => name !== '');
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let node = nodes[next++]; node !== undefined; node = nodes[next++]) {
      const look = await usage.of(node);
      if (look !== undefined) found.set(node, look);
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, nodes.length) }, worker));
}
