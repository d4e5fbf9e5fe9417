import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { keyOf } from '../../client/object-key.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { HollowNode } from './hollow-node.ts';
import { PodAddresses } from './pod-addresses.ts';
import { runningStatusOf, stepOf } from './pod-step.ts';

const workers = 32;
const nodeIndex = 'node';

export interface HollowPodsOptions {
  readonly client: ApiClient;
  readonly nodes: ReadonlyMap<string, HollowNode>;
  readonly podCidrOf: (node: string) => string | undefined;
  /** From the binding to Running and Ready. */
  readonly startMs: number;
  /** From the deletion to the end. */
  readonly endMs: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The pods of all nodes, from one watch: they run as soon as their delay is over, and end when they are deleted. */
export class HollowPods {
  readonly #options: HollowPodsOptions;
  readonly #informer: Informer<Pod>;
  readonly #queue: WorkQueue<string>;
  readonly #addresses = new PodAddresses();

  constructor(options: HollowPodsOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options);
    this.#informer = new Informer({
      ...options,
      type: pods,
      selection: { fieldSelector: 'spec.nodeName!=' },
      indexers: { [nodeIndex]: ({ spec }) => [spec.nodeName ?? ''] },
      transform: essenceOf,
    });
    this.#informer.addHandler({
      onAdd: (pod) => this.#follow(pod),
      onUpdate: (_previous, pod) => this.#follow(pod),
      onDelete: ({ spec, metadata }) => this.#addresses.release(spec.nodeName ?? '', metadata.uid),
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    group.start((until) => this.#informer.run(until));
    for (let n = 0; n < workers; n += 1) group.start((until) => this.#work(until));
    await group.join();
  }

  /** The node is back: what it has missed is done now. */
  look(node: string): void {
    for (const pod of this.#informer.lister.byIndex(nodeIndex, node)) this.#follow(pod);
  }

  #follow(pod: Pod): void {
    const { startMs, endMs, nodes } = this.#options;
    const node = nodes.get(pod.spec.nodeName ?? '');
    if (node === undefined) return;
    const { status, metadata, spec } = pod;
    if (status?.podIP !== undefined && spec.hostNetwork !== true)
      this.#addresses.keep(node.name, metadata.uid, status.podIP);
    const step = stepOf(pod, node.bootedAtMs);
    if (step !== 'nothing' && node.power === 'on')
      this.#queue.addAfter(keyOf(pod), step === 'end' ? endMs : startMs);
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
    const [namespace = '', name = ''] = key.split('/');
    const pod = this.#informer.lister.get(namespace, name);
    const node = this.#options.nodes.get(pod?.spec.nodeName ?? '');
    if (pod === undefined || node?.power !== 'on') return;
    const step = stepOf(pod, node.bootedAtMs);
    try {
      if (step === 'end') await this.#end(pod);
      else if (step === 'start') await this.#start(pod, node);
    } catch (error) {
      // Gone, or another pod under the same name: its own event tells what to do.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  #end({ metadata }: Pod): Promise<void> {
    return this.#options.client.delete(pods, metadata, { gracePeriodSeconds: 0, uid: metadata.uid });
  }

  async #start(pod: Pod, node: HollowNode): Promise<void> {
    const { client, clock } = this.#options;
    const { uid } = pod.metadata;
    const ip = pod.spec.hostNetwork === true ? node.address : this.#assign(node.name, uid);
    const { bootedAtMs, address: hostIp } = node;
    const status = runningStatusOf(pod, { ip, hostIp, bootedAtMs, nowMs: clock.nowMs() });
    const body = { metadata: { uid }, status };
    await client.patch(pods, pod.metadata, { type: 'strategic', body }, { subresource: 'status' });
  }

  #assign(node: string, uid: string): string {
    const podCidr = this.#options.podCidrOf(node);
    if (podCidr === undefined) throw new Error(`node ${node} has no pod range yet`);
    return this.#addresses.assign(node, uid, podCidr);
  }
}

/** What is read here: at tens of thousands of pods the rest is most of the memory. */
function essenceOf(pod: Pod): Pod {
  const { managedFields: _fields, annotations: _annotations, labels: _labels, ...metadata } = pod.metadata;
  const { nodeName, hostNetwork, containers } = pod.spec;
  const essential = containers.map(({ name, image }) => ({ name, image }));
  return { ...pod, metadata, spec: { nodeName, hostNetwork, containers: essential } } as Pod;
}
