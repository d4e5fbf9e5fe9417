import type { Service } from '../../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import type { Change } from '../history.ts';
import type { StoredNode, StoredPod } from './bindings.ts';
import type { CheckContext, Checker } from './checker.ts';
import { isLive } from './surplus.ts';

export type StoredSlice = EndpointSlice & AnyObject;
export type StoredService = Service & AnyObject;

const deadTaint = 'coracle.dev/node-dead';
/** A pod that has been good for this long must be known to the controller, however late its news are. */
const knownAfterMs = 20_000;

/** Mere suspicion never takes the last ready endpoint of a service away. */
export class LastEndpointChecker implements Checker {
  readonly #context: CheckContext;
  /** Since when a pod is fit to serve, by uid. */
  readonly #goodSince = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  observe({ resource, before, after }: Change): void {
    if (resource === '/pods') this.#judge((after ?? before) as StoredPod, after !== undefined);
    if (resource === '/nodes') this.#judgePodsOf(((after ?? before) as StoredNode).metadata.name ?? '');
    if (resource !== 'discovery.k8s.io/endpointslices') return;
    const lost =
      readyOf(before as StoredSlice | undefined) > 0 && readyOf(after as StoredSlice | undefined) === 0;
    if (lost) this.#checkService((after ?? before) as StoredSlice);
  }

  #judge(pod: StoredPod, exists: boolean): void {
    const uid = pod.metadata.uid ?? '';
    if (!exists || !this.#isGood(pod)) this.#goodSince.delete(uid);
    else if (!this.#goodSince.has(uid)) this.#goodSince.set(uid, this.#context.nowMs());
  }

  #judgePodsOf(node: string): void {
    for (const pod of this.#context.history.all<StoredPod>('/pods'))
      if (pod.spec.nodeName === node) this.#judge(pod, true);
  }

  #isGood(pod: StoredPod): boolean {
    const node = this.#context.history.get<StoredNode>(`/registry/nodes/${pod.spec.nodeName ?? ''}`);
    if (node === undefined || (node.spec?.taints ?? []).some(({ key }) => key === deadTaint)) return false;
    return isLive(pod) && isReady(pod);
  }

  #checkService(slice: StoredSlice): void {
    const { history } = this.#context;
    const name = slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
    const namespace = slice.metadata.namespace ?? '';
    const service = history.get<StoredService>(`/registry/services/${namespace}/${name}`);
    const slices = history
      .all<StoredSlice>('discovery.k8s.io/endpointslices')
      .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name);
    if (service === undefined || slices.some((one) => readyOf(one) > 0)) return;
    const good = history.all<StoredPod>('/pods').find((pod) => {
      const since = this.#goodSince.get(pod.metadata.uid ?? '');
      return isSelected(service, pod) && since !== undefined && this.#context.nowMs() - since > knownAfterMs;
    });
    if (good !== undefined)
      this.#context.violate(
        'last endpoint',
        `${name} lost its last endpoint, but ${good.metadata.name} is ready`,
      );
  }
}

export const isReady = ({ status }: StoredPod): boolean =>
  (status?.conditions ?? []).some(({ type, status: value }) => type === 'Ready' && value === 'True');

export const readyOf = (slice: StoredSlice | undefined): number =>
  (slice?.endpoints ?? []).filter(({ conditions }) => conditions?.ready === true).length;

export function isSelected({ metadata, spec }: StoredService, pod: StoredPod): boolean {
  const selector = Object.entries(spec?.selector ?? {});
  return (
    selector.length > 0 &&
    pod.metadata.namespace === metadata.namespace &&
    selector.every(([key, value]) => pod.metadata.labels?.[key] === value)
  );
}
