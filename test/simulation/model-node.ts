/**
 * A host of the simulated world: its agent and its guard as processes, and containers that are mere entries in a map.
 * Registration, lease and admission are the real agent's; starting and stopping a container takes seeded time.
 */
import type { Node, NodeStatus, Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import {
  beatNodeId,
  beatPeriodMs,
  deriveBeatKey,
  encodeBeat,
  firstBeatSequence,
  nextBeatSequence,
  type Origin,
} from '../../base/beat.ts';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import { delay, toTime } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { keyOf } from '../../client/object-key.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import { AwaitedRenewal } from '../../node-agent/guard/awaited-renewal.ts';
import { Renewals } from '../../node-agent/guard/renewals.ts';
import { refusalOf } from '../../node-agent/pod/admit-pod.ts';
import { runNodeLease } from '../../node-agent/status/node-lease.ts';
import { NodeRegistration } from '../../node-agent/status/node-registration.ts';
import { changedAddresses } from '../../node-agent/status/status-patch.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

export interface HostShape {
  readonly cpu: string;
  readonly memory: string;
  readonly pods: string;
}

interface Container {
  readonly ip: string;
  readonly refused: boolean;
  readyAtMs: number;
}

const forever: AbortSignal = new AbortController().signal;
const workers = 4;
/** Between agent and guard. */
/** Of each guard, at its own address. */
const guardPort = 1;
const socketMs = 0.05;

/** What of a host outlives its agent, and ends with its power. */
export class ModelNode {
  readonly name: string;
  readonly #world: World;
  readonly #shape: HostShape;
  readonly #random: Random;
  readonly address: string;
  #containers = new Map<string, Container>();
  #lastIp = 1;
  #agent: SimulatedProcess | undefined;
  #guard: SimulatedProcess | undefined;
  #renewals: Renewals | undefined;
  #awaited: AwaitedRenewal | undefined;
  #isCut = false;

  constructor(world: World, options: { name: string; address: string; shape: HostShape; random: Random }) {
    this.#world = world;
    this.name = options.name;
    this.address = options.address;
    this.#shape = options.shape;
    this.#random = options.random;
  }

  get isOn(): boolean {
    return this.#guard !== undefined;
  }

  /** Whether others hear it. */
  get isHeard(): boolean {
    return this.isOn && !this.#isCut && this.#guard?.isPaused !== true;
  }

  get agent(): SimulatedProcess | undefined {
    return this.#agent;
  }

  /** Pods that run here, by uid. */
  get running(): ReadonlyMap<string, { readonly ip: string }> {
    return this.#containers;
  }

  powerOn(): void {
    if (this.isOn) return;
    this.#startGuard();
    this.#startAgent();
  }

  /** No farewell: everything that ran here is gone. */
  powerOff(): void {
    this.#guard?.kill();
    this.#guard = undefined;
    this.#renewals = undefined;
    this.killAgent();
    this.#containers = new Map();
  }

  /** The network cable. */
  cut(): void {
    this.#isCut = true;
    if (this.#agent !== undefined) this.#world.wire.cut(this.#agent);
  }

  heal(): void {
    this.#isCut = false;
    if (this.#agent !== undefined) this.#world.wire.heal(this.#agent);
  }

  killAgent(): void {
    if (this.#agent === undefined) return;
    this.#world.wire.breakStreamsOf(this.#agent, 0);
    this.#agent.kill();
    this.#agent = undefined;
    this.#awaited = undefined;
    this.#renewals?.drop();
  }

  restartAgent(): void {
    this.killAgent();
    if (this.isOn) this.#startAgent();
  }

  /** A detector's datagram to the guard. */
  arrive(delayMs: number, datagram: Buffer, detector: string): void {
    const renewals = this.#renewals;
    this.#guard?.arrive(delayMs, () => {
      if (!this.#isCut) renewals?.receive(datagram, detector);
    });
  }

  #startGuard(): void {
    const guard = this.#world.createProcess(`guard-${this.name}`);
    this.#guard = guard;
    const id = beatNodeId(this.name);
    const key = deriveBeatKey(this.#world.beatKey, this.name);
    let sequence = firstBeatSequence(guard.nowMs());
    const send = (encode: (next: number, origin: Origin) => Buffer, to?: string): void => {
      sequence = nextBeatSequence(sequence, guard.nowMs());
      const datagram = encode(sequence, { address: this.address, port: guardPort });
      if (!this.#isCut) this.#world.beat(datagram, to);
    };
    this.#renewals = new Renewals({
      ...{ nodeName: this.name, key, send, clock: guard },
      onRenewed: (renewed) => this.#agent?.arrive(socketMs, () => this.#awaited?.hear(renewed)),
    });
    const beat = (): void => {
      send((next) => encodeBeat(id, { sequence: next, dataPlaneVersion: 0 }, key));
      guard.setTimer(beatPeriodMs, beat);
    };
    guard.setTimer(beatPeriodMs * this.#random.next(), beat);
  }

  #startAgent(): void {
    const agent = this.#world.createProcess(`agent-${this.name}`);
    this.#agent = agent;
    if (this.#isCut) this.#world.wire.cut(agent);
    const client = this.#world.clientOf(agent, `system:node:${this.name}`, ['system:nodes']);
    const common = { client, clock: agent, random: this.#random, logger: this.#world.loggerOf(agent) };
    const nodeInformer = new Informer<Node>({
      ...{ ...common, type: nodes },
      selection: { fieldSelector: `metadata.name=${this.name}` },
    });
    const registration = new NodeRegistration({
      ...{ ...common, nodeName: this.name, labels: {} },
      known: () => nodeInformer.lister.get(undefined, this.name),
      read: async (previous) => this.#status(agent, previous),
    });
    nodeInformer.addHandler({ onAdd: () => registration.wake(), onUpdate: () => registration.wake() });
    const awaited = new AwaitedRenewal(agent);
    this.#awaited = awaited;
    const lease = {
      ...{ ...common, nodeName: this.name, nodeUid: () => registration.node?.metadata.uid },
      renewTogether: (load: LoadFigures | undefined) =>
        awaited.ask((id) => this.#guard?.arrive(socketMs, () => this.#renewals?.ask(id, load))),
    };
    this.#world.spawn(agent, nodeInformer.run(forever));
    this.#world.spawn(agent, registration.run(forever));
    this.#world.spawn(
      agent,
      registration.registered.then(() => runNodeLease(lease, forever)),
    );
    this.#world.spawn(agent, this.#runPods(agent, client));
  }

  #status(agent: SimulatedProcess, previous: NodeStatus | undefined): NodeStatus {
    const now = toTime(agent.nowMs());
    const earlier = previous?.conditions?.find(({ type }) => type === 'Ready');
    const resources = { ...this.#shape, 'ephemeral-storage': '100Gi' };
    return {
      addresses: [{ type: 'InternalIP', address: this.address }],
      capacity: resources,
      allocatable: resources,
      conditions: [
        {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
          lastHeartbeatTime: now,
          lastTransitionTime: earlier?.status === 'True' ? (earlier.lastTransitionTime ?? now) : now,
        },
      ],
    };
  }

  async #runPods(agent: SimulatedProcess, client: ApiClient): Promise<void> {
    const logger = this.#world.loggerOf(agent);
    const common = { client, clock: agent, random: this.#random, logger };
    const informer = new Informer<Pod>({
      ...{ ...common, type: pods },
      selection: { fieldSelector: `spec.nodeName=${this.name}` },
    });
    const queue = new WorkQueue<string>({ clock: agent, random: this.#random });
    informer.addHandler({
      onAdd: (pod) => queue.add(keyOf(pod)),
      onUpdate: (_previous, pod) => queue.add(keyOf(pod)),
      onDelete: (pod) => this.#containers.delete(pod.metadata.uid),
    });
    const work = async (): Promise<void> => {
      for (;;) {
        const key = (await queue.get(forever)) ?? '';
        const pod = informer.lister.list().find((one) => keyOf(one) === key);
        try {
          if (pod !== undefined) await this.#syncPod(agent, client, pod, informer.lister.list());
          queue.forget(key);
        } catch (error) {
          logger.debug({ err: error, key }, 'sync pod again');
          queue.addRateLimited(key);
        }
        queue.done(key);
      }
    };
    await Promise.all([informer.run(forever), ...Array.from({ length: workers }, work)]);
  }

  async #syncPod(agent: SimulatedProcess, client: ApiClient, pod: Pod, all: readonly Pod[]): Promise<void> {
    const { uid } = pod.metadata;
    if (pod.metadata.deletionTimestamp !== undefined) {
      if (this.#containers.has(uid)) await delay(agent, this.#stopMs(pod));
      this.#containers.delete(uid);
      await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, uid }).catch(ignoreGone);
      return;
    }
    if (pod.status?.phase === 'Failed') return;
    const container = this.#containers.get(uid) ?? this.#admit(agent, pod, all);
    this.#containers.set(uid, container);
    const waitMs = container.readyAtMs - agent.monotonicMs();
    if (waitMs > 0 && !container.refused) await delay(agent, waitMs);
    if (this.#agent !== agent || !this.#containers.has(uid)) return;
    const body = { metadata: { uid }, status: statusOf(pod, container, agent.nowMs()) };
    if (isReported(pod, container)) return;
    await client
      .patch(pods, pod.metadata, { type: 'strategic', body }, { subresource: 'status' })
      .catch(ignoreGone);
    if (container.refused) this.#containers.delete(uid);
  }

  #admit(agent: SimulatedProcess, pod: Pod, all: readonly Pod[]): Container {
    const admitted = all.filter(({ metadata }) => this.#containers.has(metadata.uid));
    const status = this.#status(agent, undefined);
    const metadata = { ...pod.metadata, name: this.name, labels: {} };
    const refused = refusalOf({ pod, admitted, node: { metadata, status } }) !== undefined;
    this.#lastIp = (this.#lastIp % 250) + 1;
    const startMs = 50 + 700 * this.#random.next() ** 2;
    const [, , third, fourth] = this.address.split('.');
    return {
      ip: `10.244.${Number(third) + Number(fourth)}.${this.#lastIp}`,
      refused,
      readyAtMs: agent.monotonicMs() + startMs,
    };
  }

  #stopMs(pod: Pod): number {
    const graceMs = (pod.metadata.deletionGracePeriodSeconds ?? 30) * 1_000;
    return Math.min(graceMs, 20 + 1_500 * this.#random.next() ** 3);
  }
}

function isReported({ status }: Pod, { ip, refused }: Container): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return refused ? status?.phase === 'Failed' : ready === 'True' && status?.podIP === ip;
}

/** A strategic merge patch. */
function statusOf(pod: Pod, { ip, refused }: Container, nowMs: number): object {
  const now = toTime(nowMs);
  if (refused) return { phase: 'Failed', reason: 'OutOfcpu', message: 'Pod was rejected', startTime: now };
  const ready = { type: 'Ready', status: 'True', lastTransitionTime: now };
  const containerStatuses = pod.spec.containers.map(({ name, image = '' }) => {
    return {
      name,
      image,
      imageID: image,
      ready: true,
      restartCount: 0,
      state: { running: { startedAt: now } },
    };
  });
  return {
    phase: 'Running',
    podIP: ip,
    podIPs: changedAddresses(pod.status?.podIPs ?? [], [{ ip }]),
    startTime: pod.status?.startTime ?? now,
    conditions: [ready],
    containerStatuses,
  };
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
