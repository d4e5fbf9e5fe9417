import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { PodWorkers } from '../pod/pod-workers.ts';

/** `/metrics` in Prometheus' text format, under the kubelet's names. */
export class AgentMetrics {
  readonly #registry = new Registry();

  constructor(workers: PodWorkers) {
    collectDefaultMetrics({ register: this.#registry });
    const runningPods = new Gauge({
      name: 'kubelet_running_pods',
      help: 'Pods that have a running sandbox',
      registers: [this.#registry],
      collect: () => {
        runningPods.set(
          workers.all.filter(({ memory }) => memory.sandboxes.some(({ ready }) => ready)).length,
        );
      },
    });
    const containers = new Gauge({
      name: 'kubelet_running_containers',
      help: 'Containers by state',
      labelNames: ['container_state'],
      registers: [this.#registry],
      collect: () => {
        const all = workers.all.flatMap(({ memory }) => memory.containers);
        for (const state of ['created', 'running', 'exited'] as const)
          containers.set(
            { container_state: state },
            all.filter((container) => container.state === state).length,
          );
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }
}
