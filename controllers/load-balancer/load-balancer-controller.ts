import type { LoadBalancerIngress, Node, Service } from '../../api/generated/core-v1.ts';
import { services } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { byAddress } from '../address-order.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { isNodeReady } from '../node-state.ts';
import { isTerminating } from '../pod-state.ts';
import { isSame } from '../structural-equality.ts';

const workers = 4;
/** Every change of a node's readiness is one of every such service: of many nodes, changes are taken together. */
const batchPerNodeMs = 0.4;
const longestBatchMs = 2_000;
const excludeLabel = 'node.kubernetes.io/exclude-from-external-load-balancers';

/** A LoadBalancer service is open on every node: its status shows the addresses of those that are Ready. */
export class LoadBalancerController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;
  /** Of the nodes as they are; undefined after a change. */
  #ingress: LoadBalancerIngress[] | undefined;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { services: informer, nodes } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'load-balancer', workers),
      needs: [informer, nodes],
      sync: (key) => this.#sync(key),
    });
    informer.addHandler({
      onAdd: (service) => this.#loop.enqueue(keyOf(service)),
      onUpdate: (_previous, service) => this.#loop.enqueue(keyOf(service)),
    });
    const enqueueAll = (): void => {
      this.#ingress = undefined;
      const delayMs = Math.min(longestBatchMs, nodes.lister.size * batchPerNodeMs);
      for (const service of informer.lister.list())
        if (service.spec.type === 'LoadBalancer') this.#loop.enqueueAfter(keyOf(service), delayMs);
    };
    nodes.addHandler({
      onAdd: enqueueAll,
      onUpdate: (previous, node) => {
        if (!isSame(ingressOf([previous]), ingressOf([node]))) enqueueAll();
      },
      onDelete: enqueueAll,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const service = this.#context.informers.services.lister.get(namespace, name);
    if (service === undefined || isTerminating(service)) return;
    const wanted = isOurs(service) ? this.#allNodes() : [];
    const current = service.status?.loadBalancer?.ingress ?? [];
    // A class names another implementation: what stands there is its own.
    if (service.spec.loadBalancerClass !== undefined && service.spec.type === 'LoadBalancer') return;
    if (isSame(current.map(addressOf), wanted.map(addressOf))) return;
    try {
      const status = { ...service.status, loadBalancer: wanted.length === 0 ? {} : { ingress: wanted } };
      await this.#context.client.update(services, { ...service, status }, { subresource: 'status' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #allNodes(): LoadBalancerIngress[] {
    this.#ingress ??= ingressOf(this.#context.informers.nodes.lister.list());
    return this.#ingress;
  }
}

function isOurs({ spec }: Service): boolean {
  return spec.type === 'LoadBalancer' && spec.loadBalancerClass === undefined;
}

const addressOf = ({ ip }: LoadBalancerIngress): string | undefined => ip;

/** The InternalIPs of Ready nodes, in order. */
export function ingressOf(nodes: readonly Node[]): LoadBalancerIngress[] {
  return nodes
    .filter((node) => isNodeReady(node) && node.metadata.labels?.[excludeLabel] === undefined)
    .flatMap(({ status }) => (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP'))
    .map(({ address }) => address)
    .sort(byAddress)
    .map((ip) => ({ ip, ipMode: 'VIP' }));
}
