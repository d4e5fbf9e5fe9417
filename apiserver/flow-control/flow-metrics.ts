import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { FlowObserver } from './flow-controller.ts';

const waitBuckets = [0, 0.001, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15];

interface FlowState {
  levels(): Iterable<{ readonly name: string; readonly used: number; readonly waiting: number }>;
}

/** Priority and fairness under the names that operators of Kubernetes know. */
export function flowMetrics(state: FlowState, registers: Registry[]): FlowObserver {
  const labelNames = ['priority_level', 'flow_schema'] as const;
  const dispatched = new Counter({
    name: 'apiserver_flowcontrol_dispatched_requests_total',
    help: 'Requests that got their seats.',
    ...{ labelNames, registers },
  });
  const rejected = new Counter({
    name: 'apiserver_flowcontrol_rejected_requests_total',
    help: 'Requests that were refused, and why.',
    ...{ labelNames: [...labelNames, 'reason'], registers },
  });
  const waited = new Histogram({
    name: 'apiserver_flowcontrol_request_wait_duration_seconds',
    help: 'Time that requests waited for their seats.',
    ...{ labelNames, registers, buckets: waitBuckets },
  });
  new Gauge({
    name: 'apiserver_flowcontrol_current_executing_seats',
    help: 'Seats in use.',
    ...{ labelNames: ['priority_level'], registers },
    collect() {
      for (const { name, used } of state.levels()) this.set({ priority_level: name }, used);
    },
  });
  new Gauge({
    name: 'apiserver_flowcontrol_current_inqueue_requests',
    help: 'Requests that wait for seats.',
    ...{ labelNames: ['priority_level'], registers },
    collect() {
      for (const { name, waiting } of state.levels()) this.set({ priority_level: name }, waiting);
    },
  });
  return {
    dispatched(level, schema, seconds) {
      const labels = { priority_level: level, flow_schema: schema };
      dispatched.inc(labels);
      // What did not wait is the difference to the former, and is most of what comes.
      if (seconds > 0) waited.observe(labels, seconds);
    },
    rejected(level, schema, reason) {
      rejected.inc({ priority_level: level, flow_schema: schema, reason });
    },
  };
}
