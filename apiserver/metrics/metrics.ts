import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { AuditFigures } from '../audit/auditor.ts';
import type { FlowObserver } from '../flow-control/flow-controller.ts';
import { flowMetrics } from '../flow-control/flow-metrics.ts';
import { LoopDelay } from './loop-delay.ts';
import { RequestMetrics } from './request-metrics.ts';
import {
  exponentialBounds,
  HistogramFamily,
  type HistogramSeries,
  NumberFamily,
  type NumberSeries,
} from './series.ts';

/** As Kubernetes' etcd client has them. */
const storeBounds = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3],
  ...[4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
];
const eventSizeBounds = exponentialBounds(1_024, 2, 8);
/** prom-client looks at the event loop too; ours tells more, so its timer hardly ever wakes. */
const unusedLookMs = 60_000;
const replaced = ['', '_min', '_max', '_mean', '_stddev', '_p50', '_p90', '_p99'].map(
  (suffix) => `nodejs_eventloop_lag${suffix}_seconds`,
);

/** What is read when somebody looks. */
export interface ServerState {
  readonly connections: () => number;
  readonly watchers: () => number;
  /** Objects in the cache by resource: `apps/deployments`, `/pods`. */
  readonly objects: () => Iterable<readonly [resource: string, count: number]>;
  readonly levels: () => Iterable<{
    readonly name: string;
    readonly used: number;
    readonly waiting: number;
  }>;
  readonly audit: () => AuditFigures | undefined;
}

/** Series of one kind of operation of the store. */
interface StoreSeries {
  readonly duration: HistogramSeries;
  readonly total: NumberSeries;
  readonly errors: NumberSeries;
}

interface WatchSeries {
  readonly total: NumberSeries;
  readonly sizes: HistogramSeries;
}

/** Figures under the names that operators of Kubernetes know. */
export class Metrics {
  readonly requests: RequestMetrics = new RequestMetrics();
  readonly flow: FlowObserver;
  readonly #registry = new Registry();
  readonly #loopDelay = new LoopDelay();
  readonly #state: ServerState;
  readonly #store = new HistogramFamily(
    'etcd_request_duration_seconds',
    'Time of one operation of the store.',
    storeBounds,
  );
  readonly #storeTotal = new NumberFamily('etcd_requests_total', 'Operations of the store.');
  readonly #storeErrors = new NumberFamily(
    'etcd_request_errors_total',
    'Operations of the store that failed.',
  );
  readonly #objects = new NumberFamily('apiserver_storage_objects', 'Objects stored, by resource.', 'gauge');
  readonly #resourceObjects = new NumberFamily(
    'apiserver_resource_objects',
    'Objects stored, by resource.',
    'gauge',
  );
  readonly #events = new NumberFamily('apiserver_watch_events_total', 'Events sent to watchers.');
  readonly #eventSizes = new HistogramFamily(
    'apiserver_watch_events_sizes',
    'Bytes of the events sent to watchers.',
    eventSizeBounds,
  );
  readonly #auditEvents = new NumberFamily(
    'apiserver_audit_event_total',
    'Audit events that were to be written.',
  );
  readonly #auditErrors = new NumberFamily(
    'apiserver_audit_error_total',
    'Audit events that could not be written, by backend.',
  );
  readonly #auditLevels = new NumberFamily(
    'apiserver_audit_level_total',
    'Requests by the level that the audit policy gives them.',
  );
  readonly #storeSeries = new Map<string, StoreSeries>();
  readonly #watchSeries = new Map<string, WatchSeries>();

  constructor(state: ServerState) {
    this.#state = state;
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: unusedLookMs });
    for (const name of replaced) this.#registry.removeSingleMetric(name);
    this.#gauge('apiserver_open_connections', 'Connections of clients that are open.', state.connections);
    this.flow = flowMetrics(state, [this.#registry]);
    this.#gauge('apiserver_registered_watchers', 'Watches that are open.', state.watchers);
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      ...{ name, help, registers: [this.#registry] },
      collect() {
        this.set(read());
      },
    });
  }

  /** An operation of the store on a resource, as `etcd_request_duration_seconds` names both. */
  stored(
    operation: string,
    type: string,
    outcome: { readonly seconds: number; readonly failed: boolean },
  ): void {
    const series = this.#storeSeriesOf(operation, type);
    series.duration.observe(outcome.seconds);
    series.total.value += 1;
    if (outcome.failed) series.errors.value += 1;
  }

  /** `watchers` were sent an event of `bytes` bytes. */
  watched(resource: string, bytes: number, watchers: number): void {
    const series = this.#watchSeriesOf(resource);
    series.total.value += watchers;
    series.sizes.observe(bytes, watchers);
  }

  /** The server begins: how long its code took to load was nobody's delay. */
  begin(): void {
    this.#loopDelay.reset();
  }

  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    this.#countObjects();
    this.#countAudit();
    const families = [
      ...[this.#store, this.#storeTotal, this.#storeErrors, this.#objects, this.#resourceObjects],
      ...[this.#events, this.#eventSizes, this.#auditEvents, this.#auditErrors, this.#auditLevels],
    ];
    const own = families.map((family) => family.render()).join('');
    const others = await this.#registry.metrics();
    const body = `${others}\n${this.requests.render()}${own}${this.#loopDelay.render()}`;
    return { contentType: this.#registry.contentType, body };
  }

  #countObjects(): void {
    this.#objects.clear();
    this.#resourceObjects.clear();
    for (const [name, count] of this.#state.objects()) {
      const { group, resource } = groupResource(name);
      this.#objects.with({ resource: group === '' ? resource : `${resource}.${group}` }).value = count;
      this.#resourceObjects.with({ group, resource }).value = count;
    }
  }

  #countAudit(): void {
    const figures = this.#state.audit();
    if (figures === undefined) return;
    this.#auditEvents.with({}).value = figures.events;
    this.#auditErrors.with({ plugin: 'log' }).value = figures.lost;
    for (const [level, count] of figures.levels) this.#auditLevels.with({ level }).value = count;
  }

  #storeSeriesOf(operation: string, type: string): StoreSeries {
    const id = `${operation} ${type}`;
    const known = this.#storeSeries.get(id);
    if (known !== undefined) return known;
    const labels = { operation, type };
    const created = {
      duration: this.#store.with(labels),
      total: this.#storeTotal.with(labels),
      errors: this.#storeErrors.with(labels),
    };
    this.#storeSeries.set(id, created);
    return created;
  }

  #watchSeriesOf(name: string): WatchSeries {
    const known = this.#watchSeries.get(name);
    if (known !== undefined) return known;
    const labels = groupResource(name);
    const created = { total: this.#events.with(labels), sizes: this.#eventSizes.with(labels) };
    this.#watchSeries.set(name, created);
    return created;
  }
}

function groupResource(name: string): { readonly group: string; readonly resource: string } {
  const slash = name.lastIndexOf('/');
  return { group: name.slice(0, slash), resource: name.slice(slash + 1) };
}
