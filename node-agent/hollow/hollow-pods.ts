import type { Pod, PodStatus } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { keyOf } from '../../client/object-key.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import { statusPatch } from '../status/status-patch.ts';
import type { HollowAgent } from './hollow-agent.ts';
import type { HollowNode } from './hollow-node.ts';
import { PodAddresses } from './pod-addresses.ts';
import { acceptedStatusOf, endedStatusOf, type PodStep, runningStatusOf, stepOf } from './pod-step.ts';

const workers = 128;
/** Of a token's renewal at the earliest, whatever its life. */
const minRenewalMs = 1_000;

const pulledMessage = (_container: string, image: string): string =>
  `Container image "${image}" already present on machine and can be accessed by the pod`;

export interface HollowPodsOptions {
  readonly nodes: ReadonlyMap<string, HollowNode>;
  /** From the acceptance to Running and Ready. */
  readonly startMs: number;
  /** From the deletion to the end. */
  readonly endMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The pods of all nodes: they run as soon as their delay is over, and end when they are deleted. */
export class HollowPods {
  readonly #options: HollowPodsOptions;
  /** `NODE/NAMESPACE/NAME` */
  readonly #queue: WorkQueue<string>;
  readonly #addresses = new PodAddresses();

  constructor(options: HollowPodsOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options);
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    for (let n = 0; n < workers; n += 1) group.start((until) => this.#work(until));
    await group.join();
  }

  /** The pods of a node that has booted. */
  follow(node: HollowNode, agent: HollowAgent): void {
    agent.pods.addHandler({
      onAdd: (pod) => this.#look(node, agent, pod),
      onUpdate: (_previous, pod) => this.#look(node, agent, pod),
      onDelete: (pod) => {
        this.#addresses.release(node.name, pod.metadata.uid);
        agent.podRequests.release(pod);
      },
    });
  }

  /** The node is back: what it has missed is done now. */
  look(node: HollowNode): void {
    const { agent } = node;
    for (const pod of agent?.pods.lister.list() ?? []) if (agent !== undefined) this.#look(node, agent, pod);
  }

  #look(node: HollowNode, agent: HollowAgent, pod: Pod): void {
    const { startMs, endMs } = this.#options;
    const { status, metadata, spec } = pod;
    if (status?.podIP !== undefined && spec.hostNetwork !== true)
      this.#addresses.keep(node.name, metadata.uid, status.podIP);
    const step = stepOf(pod, node.bootedAtMs);
    if (step === 'nothing' || node.power !== 'on') return;
    if (step === 'keep' && agent.podRequests.holds(pod)) return;
    const delayMs = step === 'end' ? endMs : step === 'start' ? startMs : 0;
    this.#queue.addAfter(`${node.name}/${keyOf(pod)}`, delayMs);
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.#queue.get(signal);
      if (key === undefined) return;
      try {
        await this.#sync(key);
        this.#queue.forget(key);
      } catch (error) {
        this.#options.logger.debug({ pod: key, reason: messageOf(error) }, 'write a pod again');
        this.#queue.addRateLimited(key);
      }
      this.#queue.done(key);
    }
  }

  async #sync(key: string): Promise<void> {
    const [nodeName = '', namespace = '', name = ''] = key.split('/');
    const node = this.#options.nodes.get(nodeName);
    const agent = node?.agent;
    const pod = agent?.pods.lister.get(namespace, name);
    if (agent === undefined || pod === undefined || node?.power !== 'on') return;
    try {
      await this.#take(stepOf(pod, node.bootedAtMs), { pod, node, agent, key });
    } catch (error) {
      // Gone, or another pod under the same name: its own event tells what to do.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #take(step: PodStep, place: PodPlace): Promise<void> {
    const { pod, node, agent } = place;
    const nowMs = this.#options.clock.nowMs();
    switch (step) {
      case 'accept':
        await writeStatus(agent, pod, acceptedStatusOf(pod, node.address, nowMs));
        return this.#hold(place);
      case 'start':
        await this.#hold(place);
        return this.#start(place);
      case 'keep':
        return this.#hold(place);
      case 'end':
        return this.#end(place);
      case 'nothing':
    }
  }

  /** What it names, and its tokens, which are asked for again before they end. */
  async #hold({ pod, agent, key }: PodPlace): Promise<void> {
    const renewInMs = await agent.podRequests.hold(pod);
    if (renewInMs !== undefined) this.#queue.addAfter(key, Math.max(minRenewalMs, renewInMs));
  }

  async #start({ pod, node, agent }: PodPlace): Promise<void> {
    const { uid } = pod.metadata;
    const ip = pod.spec.hostNetwork === true ? node.address : this.#assign(node, uid);
    const { bootedAtMs, address: hostIp } = node;
    const nowMs = this.#options.clock.nowMs();
    await writeStatus(agent, pod, runningStatusOf(pod, { ip, hostIp, bootedAtMs, nowMs }));
    // As with an agent, one after the other, so that they make one request.
    agent.podRequests.report(pod, 'Pulled', pulledMessage);
    agent.podRequests.report(pod, 'Created', () => 'Container created');
    agent.podRequests.report(pod, 'Started', () => 'Container started');
  }

  async #end({ pod, agent }: PodPlace): Promise<void> {
    const { metadata } = pod;
    const ended = endedStatusOf(pod, this.#options.clock.nowMs());
    if (ended !== undefined) {
      agent.podRequests.report(pod, 'Killing', (name) => `Stopping container ${name}`);
      await writeStatus(agent, pod, ended);
    }
    await agent.client.delete(pods, metadata, { gracePeriodSeconds: 0, uid: metadata.uid });
  }

  #assign({ name, agent }: HollowNode, uid: string): string {
    const podCidr = agent?.nodes.lister.get(undefined, name)?.spec.podCIDR;
    if (podCidr === undefined) throw new Error(`node ${name} has no pod range yet`);
    return this.#addresses.assign(name, uid, podCidr);
  }
}

/** A pod, and where it is. */
interface PodPlace {
  readonly pod: Pod;
  readonly node: HollowNode;
  readonly agent: HollowAgent;
  readonly key: string;
}

async function writeStatus({ client }: HollowAgent, pod: Pod, status: PodStatus): Promise<void> {
  const changes = statusPatch(pod, status);
  if (changes === undefined) return;
  const body = { metadata: { uid: pod.metadata.uid }, status: changes };
  await client.patch(pods, pod.metadata, { type: 'strategic', body }, { subresource: 'status' });
}
