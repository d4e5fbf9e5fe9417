import type { Node, Pod } from '../../../api/generated/core-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { toMillis, toUnits } from '../../../api/quantity.ts';
import { podRequestsOf } from '../../../node-agent/pod/qos.ts';
import type { Change } from '../history.ts';
import type { CheckContext, Checker } from './checker.ts';

export type StoredPod = Pod & AnyObject;
export type StoredNode = Node & AnyObject;

/** Each pod is bound at most once, to a node that exists, and no node gets more than it has. */
export class BindingChecker implements Checker {
  readonly #context: CheckContext;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  observe({ resource, before, after }: Change): void {
    if (resource !== '/pods' || after === undefined) return;
    const pod = after as StoredPod;
    const was = (before as StoredPod | undefined)?.spec.nodeName ?? '';
    const is = pod.spec.nodeName ?? '';
    if (was === is) return;
    if (was !== '') this.#violate(`${pod.metadata.name} moved from ${was} to '${is}'`);
    this.#checkRoom(pod, is);
  }

  #checkRoom(pod: StoredPod, nodeName: string): void {
    const { history } = this.#context;
    const node = history.get<StoredNode>(`/registry/nodes/${nodeName}`);
    if (node === undefined) return;
    const there = history
      .all<StoredPod>('/pods')
      .filter(({ spec, status }) => spec.nodeName === nodeName && !isFinished(status));
    const { allocatable = {} } = node.status ?? {};
    const requests = there.map(podRequestsOf);
    const totals: readonly (readonly [string, number, number])[] = [
      ['pods', there.length, toUnits(allocatable['pods'] ?? '0')],
      ['cpu', sum(requests.map(({ cpuMillis }) => cpuMillis)), toMillis(allocatable['cpu'] ?? '0')],
      ['memory', sum(requests.map(({ memoryBytes }) => memoryBytes)), toUnits(allocatable['memory'] ?? '0')],
    ];
    for (const [name, used, has] of totals)
      if (used > has) this.#violate(`${pod.metadata.name} on ${nodeName}: ${name} ${used} of ${has}`);
    const ports = there.flatMap(hostPorts);
    if (new Set(ports).size < ports.length)
      this.#violate(`${pod.metadata.name} on ${nodeName}: a host port twice (${ports.join(', ')})`);
  }

  #violate(message: string): void {
    this.#context.violate('bindings', message);
  }
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

const isFinished = (status: Pod['status']): boolean => ['Succeeded', 'Failed'].includes(status?.phase ?? '');

const hostPorts = ({ spec }: StoredPod): number[] =>
  spec.containers.flatMap(({ ports }) => (ports ?? []).flatMap(({ hostPort }) => hostPort ?? []));
