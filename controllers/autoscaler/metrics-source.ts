import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { parseQuantity } from '../../api/quantity.ts';
import type { ApiClient } from '../../client/client.ts';

/** One value of one pod, in thousandths. */
export interface PodMetric {
  readonly milli: number;
  readonly timestampMs: number;
  readonly windowMs: number;
}

export type PodMetrics = ReadonlyMap<string, PodMetric>;

interface WireUsage {
  readonly name?: string;
  readonly usage?: Readonly<Record<string, string>>;
}
interface WirePodMetrics {
  readonly metadata?: { readonly name?: string };
  readonly timestamp?: string;
  readonly window?: string;
  readonly containers?: readonly WireUsage[];
}
interface WireValue {
  readonly describedObject?: { readonly name?: string };
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  readonly value?: string;
}

const nanosPerMilli = 1_000_000n;
const noWindowMs = 60_000;

const toMilli = (text: string): number => Number(parseQuantity(text).nanos) / Number(nanosPerMilli);

/** Metrics as the metrics APIs answer them. A cluster without the API says so in the error. */
export class MetricsSource {
  readonly #client: ApiClient;

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Of all containers of each pod together, or of one. Pods that do not report all of them are left out. */
  async resource(query: {
    readonly namespace: string;
    readonly selector: string;
    readonly resource: string;
    readonly container?: string | undefined;
  }): Promise<PodMetrics> {
    const { namespace, selector, resource, container } = query;
    const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods?labelSelector=${encodeURIComponent(selector)}`;
    const items = await this.#items<WirePodMetrics>(path, 'resource metrics API', 'get pods.metrics.k8s.io');
    if (items.length === 0) throw new Error('no metrics returned from resource metrics API');
    const found = new Map<string, PodMetric>();
    for (const { metadata, timestamp, window, containers = [] } of items) {
      const chosen =
        container === undefined ? containers : containers.filter(({ name }) => name === container);
      const values = chosen.map(({ usage }) => usage?.[resource]);
      if (values.length === 0 || values.includes(undefined)) continue;
      const milli = values.reduce((sum, value) => sum + toMilli(value ?? '0'), 0);
      const windowMs = Number.parseFloat(window ?? '') * 1_000 || noWindowMs;
      found.set(metadata?.name ?? '', { milli, timestampMs: Date.parse(timestamp ?? ''), windowMs });
    }
    return found;
  }

  /** A custom metric of each selected pod. */
  async pods(namespace: string, selector: string, metric: string): Promise<PodMetrics> {
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/${metric}?labelSelector=${encodeURIComponent(selector)}`;
    const items = await this.#items<WireValue>(
      path,
      'custom metrics API',
      `get ${metric}.custom.metrics.k8s.io`,
    );
    if (items.length === 0) throw new Error('no metrics returned from custom metrics API');
    return new Map(
      items.map(({ describedObject, timestamp, windowSeconds, value }) => [
        describedObject?.name ?? '',
        {
          milli: toMilli(value ?? '0'),
          timestampMs: Date.parse(timestamp ?? ''),
          windowMs: windowSeconds === undefined ? noWindowMs : windowSeconds * 1_000,
        },
      ]),
    );
  }

  /** A custom metric of one object, in thousandths. */
  async object(namespace: string, resource: string, name: string, metric: string): Promise<number> {
    const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/${resource}/${name}/${metric}`;
    const [first] = await this.#items<WireValue>(
      path,
      'custom metrics API',
      `get ${resource}.custom.metrics.k8s.io ${name}`,
    );
    return toMilli(first?.value ?? '0');
  }

  /** A metric from outside the cluster, all its values together, in thousandths. */
  async external(namespace: string, metric: string, selector: LabelSelector | undefined): Promise<number> {
    const terms = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
    const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric}?labelSelector=${encodeURIComponent(terms.join(','))}`;
    const items = await this.#items<WireValue>(
      path,
      'external metrics API',
      `get ${metric}.external.metrics.k8s.io`,
    );
    if (items.length === 0) throw new Error('no metrics returned from external metrics API');
    return items.reduce((sum, { value }) => sum + toMilli(value ?? '0'), 0);
  }

  async #items<T>(path: string, api: string, request: string): Promise<readonly T[]> {
    const { status, body } = await this.#client.request({ method: 'GET', path });
    const text = body.toString('utf8');
    if (status !== 200)
      throw new Error(`unable to fetch metrics from ${api}: ${reasonOf(status, text, request)}`);
    return (JSON.parse(text) as { items?: readonly T[] }).items ?? [];
  }
}

function reasonOf(status: number, text: string, request: string): string {
  if (status === 404) return `the server could not find the requested resource (${request})`;
  try {
    return (JSON.parse(text) as { message?: string }).message ?? `HTTP status ${status}`;
  } catch (error) {
    // A proxy's page, not a Status.
    if (error instanceof SyntaxError) return `HTTP status ${status}`;
    throw error;
  }
}
