import type { ConfigMap, Secret } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { clusterInfoName, clusterInfoNamespace } from '../../client/cluster-info.ts';
import { Informer } from '../../client/informer.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { planSignatures } from './plan-signatures.ts';
import { followTokens } from './token-secret.ts';

const workers = 1;

/**
 * Signs `cluster-info` with every bootstrap token, so that whoever holds one can tell that what it reads was written by somebody who
 * holds it too.
 */
export class BootstrapSignerController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #tokens: Informer<Secret>;
  readonly #maps: Informer<ConfigMap>;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { client, clock, random, logger } = context;
    const selection = { namespace: clusterInfoNamespace, fieldSelector: `metadata.name=${clusterInfoName}` };
    this.#tokens = followTokens(context);
    this.#maps = new Informer({ client, clock, random, logger, type: configmaps, selection });
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'bootstrap-signer', workers),
      needs: [this.#tokens, this.#maps],
      sync: () => this.#sync(),
    });
    const enqueue = (): void => this.#loop.enqueue(clusterInfoName);
    for (const informer of [this.#tokens, this.#maps])
      informer.addHandler({ onAdd: enqueue, onUpdate: enqueue, onDelete: enqueue });
  }

  async run(signal: AbortSignal): Promise<void> {
    const tasks = new TaskGroup(signal);
    tasks.start((until) => this.#tokens.run(until));
    tasks.start((until) => this.#maps.run(until));
    tasks.start((until) => this.#loop.run(until));
    await tasks.join();
  }

  async #sync(): Promise<undefined> {
    const { client, clock } = this.#context;
    const map = this.#maps.lister.get(clusterInfoNamespace, clusterInfoName);
    if (map === undefined) return;
    const data = planSignatures(map.data ?? {}, this.#tokens.lister.list(), clock.nowMs());
    if (data !== undefined) await client.update(configmaps, { ...map, data });
  }
}
