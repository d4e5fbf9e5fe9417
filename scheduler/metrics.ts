import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

export interface SchedulerState {
  readonly queued: () => Readonly<Record<'active' | 'backoff' | 'unschedulable' | 'gated', number>>;
  readonly cached: () => Readonly<Record<'nodes' | 'pods', number>>;
}

const attemptBuckets = [0.00001, 0.0001, 0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.256, 1];
const waitBuckets = [
  0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 60, 300, 1_800,
];

/** Figures under kube-scheduler's names. */
export class SchedulerMetrics {
  readonly #registry = new Registry();
  readonly #attempts: Counter<'result' | 'profile'>;
  readonly #durations: Histogram<'result' | 'profile'>;
  readonly #waits: Histogram<'attempts'>;
  readonly #preemptions: Counter;
  readonly #victims: Histogram;
  readonly #moves: Counter<'outcome'>;

  constructor(state: SchedulerState) {
    const registers = [this.#registry];
    collectDefaultMetrics({ register: this.#registry });
    this.#attempts = new Counter({
      name: 'scheduler_schedule_attempts_total',
      help: 'Attempts to schedule pods, by result.',
      labelNames: ['result', 'profile'],
      registers,
    });
    this.#durations = new Histogram({
      name: 'scheduler_scheduling_attempt_duration_seconds',
      help: 'Time to decide about one pod, without its binding.',
      labelNames: ['result', 'profile'],
      buckets: attemptBuckets,
      registers,
    });
    this.#waits = new Histogram({
      name: 'scheduler_pod_scheduling_sli_duration_seconds',
      help: 'Time from a pod entering the queue to its binding being stored.',
      labelNames: ['attempts'],
      buckets: waitBuckets,
      registers,
    });
    this.#preemptions = new Counter({
      name: 'scheduler_preemption_attempts_total',
      help: 'Attempts to make room by evicting pods.',
      registers,
    });
    this.#victims = new Histogram({
      name: 'scheduler_preemption_victims',
      help: 'Pods evicted for one pod.',
      buckets: [1, 2, 4, 8, 16, 32, 64],
      registers,
    });
    this.#moves = new Counter({
      name: 'coracle_rebalance_moves_total',
      help: 'Moves of pods by rebalancing, by what became of them.',
      labelNames: ['outcome'],
      registers,
    });
    this.#watchState(state);
  }

  attempted(result: AttemptResult, profile: string, seconds: number): void {
    this.#attempts.inc({ result, profile });
    this.#durations.observe({ result, profile }, seconds);
  }

  bound(attempts: number, seconds: number): void {
    this.#waits.observe({ attempts: attempts < 16 ? attempts : '16+' }, seconds);
  }

  preempted(victims: number): void {
    this.#preemptions.inc();
    if (victims > 0) this.#victims.observe(victims);
  }

  rebalanced(outcome: string): void {
    this.#moves.inc({ outcome });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #watchState({ queued, cached }: SchedulerState): void {
    const registers = [this.#registry];
    new Gauge({
      name: 'scheduler_pending_pods',
      help: 'Pods that wait for a node, by queue.',
      labelNames: ['queue'],
      registers,
      collect() {
        for (const [queue, count] of Object.entries(queued())) this.set({ queue }, count);
      },
    });
    new Gauge({
      name: 'scheduler_cache_size',
      help: 'Nodes and pods that the scheduler knows.',
      labelNames: ['type'],
      registers,
      collect() {
        for (const [type, count] of Object.entries(cached())) this.set({ type }, count);
      },
    });
  }
}
