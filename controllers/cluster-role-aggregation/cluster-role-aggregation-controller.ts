import { isDeepStrictEqual } from 'node:util';
import type { ClusterRole } from '../../api/generated/rbac-v1.ts';
import { clusterroles } from '../../api/generated/resources.ts';
import { Informer } from '../../client/informer.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { aggregatedRules } from './aggregated-rules.ts';

const workers = 1;

/** Writes into every ClusterRole with an aggregation rule what the roles that it selects give. */
export class ClusterRoleAggregationController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #roles: Informer<ClusterRole>;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#roles = new Informer<ClusterRole>({ ...context, type: clusterroles });
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'cluster-role-aggregation', workers),
      needs: [this.#roles],
      sync: (name) => this.#sync(name),
    });
    const enqueueAll = (): void => this.#enqueueAggregated();
    this.#roles.addHandler({ onAdd: enqueueAll, onUpdate: enqueueAll, onDelete: enqueueAll });
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#roles.run(signal), this.#begin(signal), this.#loop.run(signal)]);
  }

  /** What changed while nobody led has no event. */
  async #begin(signal: AbortSignal): Promise<void> {
    await this.#roles.whenSynced(signal);
    this.#enqueueAggregated();
  }

  /** Which roles one is gathered into is theirs to say; there are few of them. */
  #enqueueAggregated(): void {
    if (!this.#roles.hasSynced) return;
    for (const { metadata, aggregationRule } of this.#roles.lister.list())
      if (aggregationRule !== undefined) this.#loop.enqueue(metadata.name);
  }

  async #sync(name: string): Promise<undefined> {
    const role = this.#roles.lister.get(undefined, name);
    if (role === undefined || role.metadata.deletionTimestamp !== undefined) return;
    const rules = aggregatedRules(role, this.#roles.lister.list());
    if (rules === undefined || isDeepStrictEqual(rules, role.rules ?? [])) return;
    await this.#context.client.update(clusterroles, { ...role, rules });
  }
}
