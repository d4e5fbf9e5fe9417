import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { discoveredKinds } from '../api/generated/kinds.ts';
import type { FlowObserver } from './flow-control/flow-controller.ts';
import { flowMetrics } from './flow-control/flow-metrics.ts';

export interface ServedRequest {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly scope: string;
  readonly code: number;
  readonly seconds: number;
}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const requestLabels = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'] as const;
type RequestLabel = (typeof requestLabels)[number];

const unserved: Record<RequestLabel, string> = {
  ...{ verb: 'OTHER', group: '', version: '', resource: '', subresource: '', scope: '' },
};
const verbs: ReadonlySet<string> = new Set([
  ...['GET', 'LIST', 'WATCH', 'CREATE', 'UPDATE', 'PATCH', 'DELETE', 'DELETECOLLECTION'],
  ...['HEAD', 'POST', 'PUT', 'OPTIONS'],
]);
const resources: ReadonlySet<string> = new Set([
  '///',
  ...discoveredKinds.flatMap(({ group, version, plural, subresources }) =>
    ['', ...subresources.map(({ name }) => name)].map((name) => `${group}/${version}/${plural}/${name}`),
  ),
]);

const isServed = ({ verb, group, version, resource, subresource }: ServedRequest): boolean =>
  verbs.has(verb) && resources.has(`${group}/${version}/${resource}/${subresource}`);

interface MetricsState {
  watchers(): number;
  connections(): number;
  levels(): Iterable<{ readonly name: string; readonly used: number; readonly waiting: number }>;
  lostAuditEvents(): number;
}

/** Figures under the names that operators of Kubernetes know. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #durations: Histogram<RequestLabel>;
  readonly #requests: Counter<RequestLabel | 'code'>;
  readonly #inflight: Gauge<'request_kind'>;
  readonly #store: Histogram<'operation'>;
  /** Label objects of what has been asked before: making them anew costs more than counting. */
  readonly #labels = new Map<string, Record<RequestLabel, string>>();

  readonly flow: FlowObserver;

  constructor(state: MetricsState) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#durations = new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'Time from the request to the end of its answer, without watches.',
      labelNames: requestLabels,
      buckets: durationBuckets,
      registers,
    });
    this.#requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests answered.',
      labelNames: [...requestLabels, 'code'],
      registers,
    });
    this.#inflight = new Gauge({
      name: 'apiserver_current_inflight_requests',
      help: 'Requests being answered.',
      labelNames: ['request_kind'],
      registers,
    });
    this.#store = new Histogram({
      name: 'etcd_request_duration_seconds',
      help: 'Time of one operation of the store.',
      labelNames: ['operation'],
      buckets: durationBuckets,
      registers,
    });
    this.flow = flowMetrics(state, registers);
    new Gauge({
      name: 'apiserver_audit_lost_events',
      help: 'Audit events that could not be written.',
      registers,
      collect() {
        this.set(state.lostAuditEvents());
      },
    });
    new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches that are open.',
      registers,
      collect() {
        this.set(state.watchers());
      },
    });
    new Gauge({
      name: 'apiserver_open_connections',
      help: 'Connections of clients that are open.',
      registers,
      collect() {
        this.set(state.connections());
      },
    });
  }

  started(kind: 'mutating' | 'readOnly'): void {
    this.#inflight.inc({ request_kind: kind });
  }

  finished(kind: 'mutating' | 'readOnly', request: ServedRequest): void {
    this.#inflight.dec({ request_kind: kind });
    const labels = this.#labelsOf(request);
    if (request.verb !== 'WATCH') this.#durations.observe(labels, request.seconds);
    this.#requests.inc({ ...labels, code: String(request.code) });
  }

  stored(operation: string, seconds: number): void {
    this.#store.observe({ operation }, seconds);
  }

  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #labelsOf(request: ServedRequest): Record<RequestLabel, string> {
    // Whoever asks for what does not exist must not make the server remember it.
    if (request.code >= 400 && !isServed(request)) return unserved;
    const { verb, group, version, resource, subresource, scope } = request;
    const id = `${verb} ${group} ${version} ${resource} ${subresource} ${scope}`;
    const known = this.#labels.get(id);
    if (known !== undefined) return known;
    const labels = { verb, group, version, resource, subresource, scope };
    this.#labels.set(id, labels);
    return labels;
  }
}
