import { discoveredKinds } from '../../api/generated/kinds.ts';
import { peers } from '../../api/peer.ts';
import {
  exponentialBounds,
  HistogramFamily,
  type HistogramSeries,
  type Labels,
  NumberFamily,
  type NumberSeries,
} from './series.ts';

/** A request as Kubernetes' metrics tell it apart. */
export interface MeasuredRequest {
  readonly method: string;
  /** `get`, `list`, `watch`, `deletecollection`, ...; the lower-case method for what is no resource. */
  readonly verb: string;
  readonly isResource: boolean;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly dryRun: boolean;
  /** A server-side apply. */
  readonly isApply: boolean;
}

const durationBounds = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3],
  ...[4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
];
/** From 1 kB to 1 GB. */
const sizeBounds = exponentialBounds(1_000, 10, 7);

const methods: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const streamed: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy', 'log']);
const readingVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head', 'options']);
const resources: ReadonlySet<string> = new Set([
  '///',
  // Ours alone: watched for longer than anything else, and counted while that lasts.
  `${peers.group}/${peers.version}/${peers.plural}/`,
  ...discoveredKinds.flatMap(({ group, version, plural, subresources }) =>
    ['', ...subresources.map(({ name }) => name)].map((name) => `${group}/${version}/${plural}/${name}`),
  ),
]);
const nothingServed: MeasuredRequest = {
  ...{ method: 'other', verb: '', isResource: false, path: '', group: '', version: '', resource: '' },
  ...{ subresource: '', namespace: '', name: '', dryRun: false, isApply: false },
};

/** What is counted of one kind of request. */
interface RequestSeries {
  readonly labels: Labels;
  readonly codes: Map<number, NumberSeries>;
  readonly isLongRunning: boolean;
  readonly duration: HistogramSeries;
  readonly sizes: HistogramSeries | undefined;
  readonly open: NumberSeries | undefined;
}

/** Requests under the names and labels of Kubernetes. */
export class RequestMetrics {
  readonly #total = new NumberFamily('apiserver_request_total', 'Requests answered.');
  readonly #durations = new HistogramFamily(
    'apiserver_request_duration_seconds',
    'Time from a request to the end of its answer, without those that run on.',
    durationBounds,
  );
  readonly #sizes = new HistogramFamily(
    'apiserver_response_sizes',
    'Bytes of the answers to reads, before TLS.',
    sizeBounds,
  );
  readonly #inflight = new NumberFamily(
    'apiserver_current_inflight_requests',
    'Requests being answered, without those that run on.',
    'gauge',
  );
  readonly #longRunning = new NumberFamily(
    'apiserver_longrunning_requests',
    'Watches, logs and other requests that run on.',
    'gauge',
  );
  readonly #known = new Map<string, RequestSeries>();
  readonly #mutating: NumberSeries;
  readonly #readOnly: NumberSeries;
  readonly #unserved: RequestSeries;

  constructor() {
    this.#mutating = this.#inflight.with({ request_kind: 'mutating' });
    this.#readOnly = this.#inflight.with({ request_kind: 'readOnly' });
    this.#unserved = this.#create(nothingServed);
  }

  /** @returns to be called at the end of the answer. */
  begin(request: MeasuredRequest): (answer: { code: number; bytes: number; seconds: number }) => void {
    const begun = this.#known.get(idOf(request)) ?? (isServed(request) ? this.#remember(request) : undefined);
    const counted = begun?.open ?? (isRead(request) ? this.#readOnly : this.#mutating);
    counted.value += 1;
    return ({ code, bytes, seconds }) => {
      counted.value -= 1;
      // Whoever asks for what does not exist must not make the server remember it.
      const series = begun ?? (code < 400 ? this.#remember(request) : this.#unserved);
      this.#codeOf(series, code).value += 1;
      if (!series.isLongRunning) series.duration.observe(seconds);
      series.sizes?.observe(bytes);
    };
  }

  render(): string {
    return [this.#total, this.#durations, this.#sizes, this.#inflight, this.#longRunning]
      .map((family) => family.render())
      .join('');
  }

  #codeOf({ codes, labels }: RequestSeries, code: number): NumberSeries {
    const known = codes.get(code);
    if (known !== undefined) return known;
    const created = this.#total.with({ ...labels, code: String(code) });
    codes.set(code, created);
    return created;
  }

  #remember(request: MeasuredRequest): RequestSeries {
    const created = this.#create(request);
    this.#known.set(idOf(request), created);
    return created;
  }

  #create(request: MeasuredRequest): RequestSeries {
    const { group, version, resource, subresource, dryRun } = request;
    const place = { group, version, resource, subresource: subresourceOf(request), scope: scopeOf(request) };
    const verb = reportedVerb(request);
    const common = { component: 'apiserver', ...place, verb };
    const labels = { ...common, dry_run: dryRun ? 'All' : '' };
    const isLongRunning = verb === 'WATCH' || streamed.has(subresource);
    return {
      ...{ labels, isLongRunning, codes: new Map() },
      duration: this.#durations.with(labels),
      sizes: isRead(request) && !isLongRunning ? this.#sizes.with(common) : undefined,
      open: isLongRunning ? this.#longRunning.with(common) : undefined,
    };
  }
}

const isRead = ({ verb }: MeasuredRequest): boolean => readingVerbs.has(verb);

const isServed = ({ method, group, version, resource, subresource }: MeasuredRequest): boolean =>
  (methods.has(method) || method === 'HEAD') &&
  resources.has(`${group}/${version}/${resource}/${subresource}`);

/** Equal for requests that are counted together. */
function idOf(request: MeasuredRequest): string {
  const { method, verb, group, version, resource, isApply, dryRun } = request;
  const place = `${group} ${version} ${resource} ${subresourceOf(request)} ${scopeOf(request)}`;
  return `${method} ${verb} ${place} ${isApply} ${dryRun}`;
}

function scopeOf({ isResource, name, namespace, verb }: MeasuredRequest): string {
  if (!isResource) return '';
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

/** What is no resource is told by its path, as far as it is known. */
function subresourceOf({ isResource, subresource, path }: MeasuredRequest): string {
  return isResource ? subresource : (/^\/(?:livez|readyz|healthz|metrics|version)\b/.exec(path)?.[0] ?? '');
}

function reportedVerb({ method, verb, subresource, isApply }: MeasuredRequest): string {
  if (verb === 'watch') return 'WATCH';
  if (streamed.has(subresource) && subresource !== 'log') return 'CONNECT';
  if (method === 'HEAD' || method === 'GET') return verb === 'list' ? 'LIST' : 'GET';
  if (isApply) return 'APPLY';
  return methods.has(method) ? method : 'other';
}
