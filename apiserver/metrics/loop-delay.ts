import { monitorEventLoopDelay } from 'node:perf_hooks';

/** Each look is a wake-up: fifty a second are a tenth of a percent of a core. */
const resolutionMs = 20;

const quantiles = [
  ['p50', 50],
  ['p90', 90],
  ['p99', 99],
  ['p999', 99.9],
] as const;

/** How long what is ready to run has to wait for what runs: garbage collection and synchronous work. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution: resolutionMs });

  constructor() {
    this.#histogram.enable();
  }

  /** Forgets what was before. */
  reset(): void {
    this.#histogram.reset();
  }

  /** Since the last call. */
  render(): string {
    const lines = quantiles.map(([name, percentile]) => gauge(name, this.#histogram.percentile(percentile)));
    lines.push(gauge('max', this.#histogram.max));
    this.#histogram.reset();
    return lines.join('');
  }
}

/** The histogram holds the time between two looks, in nanoseconds. */
function gauge(quantile: string, betweenLooksNs: number): string {
  const name = `nodejs_eventloop_lag_${quantile}_seconds`;
  const seconds = Math.max(0, betweenLooksNs / 1e9 - resolutionMs / 1_000);
  return `# HELP ${name} Delay of the event loop since the last scrape.\n# TYPE ${name} gauge\n${name} ${seconds}\n`;
}
