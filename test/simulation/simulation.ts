import type { Logger } from '../../base/logger.ts';
import { BindingChecker } from './checkers/bindings.ts';
import { EvictionChecker } from './checkers/evictions.ts';
import { GroupChecker } from './checkers/groups.ts';
import { LastEndpointChecker } from './checkers/last-endpoint.ts';
import { PodCidrChecker } from './checkers/pod-cidrs.ts';
import { SurplusChecker } from './checkers/surplus.ts';
import { WireChecks } from './checkers/wire-checks.ts';
import { differences } from './convergence.ts';
import type { History } from './history.ts';
import { Nemesis } from './nemesis.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { User } from './user.ts';
import { type Violation, World } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly hosts?: number | undefined;
  /** How long the user and the faults go on. */
  readonly turmoilMs?: number | undefined;
  readonly faults?: boolean | undefined;
  /** One of so many deployments is a group. */
  readonly groupEach?: number | undefined;
  readonly keepTrace?: boolean | undefined;
  readonly loggerOf?: ((process: SimulatedProcess) => Logger) | undefined;
}

export interface SimulationResult {
  readonly traceHash: string;
  readonly violations: readonly Violation[];
  readonly trace: readonly string[];
  readonly steps: number;
  /** Answers and watch events that were compared with the store. */
  readonly compared: number;
  readonly simulatedMs: number;
  /** As it was at the end. */
  readonly history: History;
}

const turnMs = 500;
/** The slowest way back: an agent's lease (40 s), a deleted pod's grace, back-offs of half a minute. */
const convergeWithinMs = 150_000;

/** One run of the whole control plane. What it does is a function of its options alone. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  let wireChecks: WireChecks | undefined;
  const world = new World({
    ...{ seed: options.seed, hosts: options.hosts ?? 5, apiServers: 2, replicas: 2 },
    ...{ keepTrace: options.keepTrace, loggerOf: options.loggerOf },
    observer: (history) => {
      wireChecks = new WireChecks({
        ...{ history, nowMs: () => world.time.nowMs },
        violate: (check, message) => world.violate(check, message),
      });
      return wireChecks;
    },
  });
  const evictions = check(world);
  await world.boot();
  const user = new User(world, options.groupEach);
  await turmoil(world, user, options, evictions);
  await converge(world, user);
  return {
    traceHash: world.trace.digest(),
    violations: world.violations,
    trace: world.trace.lines,
    steps: world.time.steps,
    compared: wireChecks?.compared ?? 0,
    simulatedMs: world.time.nowMs,
    history: world.history,
  };
}

function check(world: World): EvictionChecker {
  const context = {
    history: world.history,
    nowMs: () => world.time.nowMs,
    violate: (name: string, message: string) => world.violate(name, message),
  };
  const evictions = new EvictionChecker(context, {
    isHeard: (node) => world.hosts.some((host) => host.name === node && host.isHeard),
  });
  const checkers = [
    evictions,
    new BindingChecker(context),
    new SurplusChecker(context),
    new GroupChecker(context),
    new PodCidrChecker(context),
    new LastEndpointChecker(context),
  ];
  for (const checker of checkers) world.history.onChange((change) => checker.observe(change));
  return evictions;
}

async function turmoil(
  world: World,
  user: User,
  options: SimulationOptions,
  evictions: EvictionChecker,
): Promise<void> {
  const nemesis = new Nemesis(world, evictions);
  const random = world.fork();
  const endMs = world.time.nowMs + (options.turmoilMs ?? 60_000);
  user.act();
  while (world.time.nowMs < endMs) {
    await world.time.runUntil(world.time.nowMs + turnMs * (0.5 + random.next()));
    if (random.next() < 0.2) user.act();
    if (options.faults !== false && random.next() < 0.35) nemesis.act();
  }
  nemesis.stop();
}

async function converge(world: World, user: User): Promise<void> {
  const endMs = world.time.nowMs + convergeWithinMs;
  let left = differences(world, user);
  while (left.length > 0 && world.time.nowMs < endMs) {
    await world.time.runUntil(world.time.nowMs + 1_000);
    left = differences(world, user);
  }
  for (const difference of left.slice(0, 5)) world.violate('convergence', difference);
}
