import type { Pod } from '../../api/generated/core-v1.ts';
import { ProbeSession } from '../probe/probe-session.ts';
import type { ContainerStatus } from '../runtime/runtime.ts';
import { toContainerId } from '../status/container-statuses.ts';
import { currentSandbox } from './plan-containers.ts';
import type { ProbeFact } from './pod-facts.ts';
import type { PodRun } from './pod-run.ts';
import { containerNamed, knownStatus, type NamedContainer } from './pod-spec.ts';

/** Keeps one probe session per running container that has probes. */
export class PodProbes {
  readonly #run: PodRun;
  readonly #wake: () => void;
  readonly #sessions = new Map<string, ProbeSession>();

  constructor(run: PodRun, wake: () => void) {
    this.#run = run;
    this.#wake = wake;
  }

  /** Starts and ends sessions so that they match the memory. */
  sync(): void {
    const { memory, pod } = this.#run;
    const running = new Map(
      memory.containers.filter(({ state }) => state === 'running').map((instance) => [instance.id, instance]),
    );
    for (const [id, session] of this.#sessions) if (!running.has(id)) this.#end(id, session);
    for (const [id, instance] of running) {
      const container = containerNamed(pod, instance.name);
      if (container === undefined || this.#sessions.has(id) || !hasProbes(container)) continue;
      if (memory.endingSinceMs === undefined) this.#begin(instance, container);
    }
    if (memory.endingSinceMs !== undefined)
      for (const session of this.#sessions.values()) session.stopLiveness();
  }

  stop(): void {
    for (const [id, session] of this.#sessions) this.#end(id, session);
  }

  #end(id: string, session: ProbeSession): void {
    session.stop();
    this.#sessions.delete(id);
  }

  #begin(instance: ContainerStatus, container: NamedContainer): void {
    const { dependencies, memory, pod } = this.#run;
    const initial = initialFact(pod, container, instance);
    memory.probes.set(instance.id, initial);
    const sandbox = currentSandbox(memory);
    const address = sandbox?.hostNetwork === true ? dependencies.node.facts().hostIps[0] : sandbox?.ips[0];
    const session = new ProbeSession({
      container: container.spec,
      containerId: instance.id,
      address: address ?? '',
      startedAtMs: instance.startedAtMs ?? instance.createdAtMs,
      initial,
      checks: dependencies.checks,
      clock: dependencies.clock,
      onFact: (fact) => {
        memory.probes.set(instance.id, fact);
        this.#wake();
      },
      onFailure: (message) => this.#run.report({ type: 'Warning', reason: 'Unhealthy', message, container }),
      onWarning: (message) =>
        this.#run.report({ type: 'Warning', reason: 'ProbeWarning', message, container }),
    });
    this.#sessions.set(instance.id, session);
    session.start();
  }
}

function hasProbes({ spec }: NamedContainer): boolean {
  return (
    spec.startupProbe !== undefined || spec.readinessProbe !== undefined || spec.livenessProbe !== undefined
  );
}

/** A container that ran before the agent started keeps what the API says of it until its probes speak again. */
function initialFact(pod: Pod, container: NamedContainer, instance: ContainerStatus): ProbeFact {
  const known = knownStatus(pod, container.spec.name);
  const isKnown = known?.containerID === toContainerId(instance.id);
  const hasStarted = isKnown && known.started === true;
  return {
    startup: container.spec.startupProbe === undefined ? 'none' : hasStarted ? 'passed' : 'pending',
    readiness: container.spec.readinessProbe === undefined || (isKnown && known.ready),
    liveness: 'ok',
  };
}
