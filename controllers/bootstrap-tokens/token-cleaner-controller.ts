import type { Secret } from '../../api/generated/core-v1.ts';
import { secrets } from '../../api/generated/resources.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { Informer } from '../../client/informer.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { endOfToken, followTokens, tokenNamespace } from './token-secret.ts';

const workers = 1;
/** A timer of the runtime holds no more. */
const longestWaitMs = 24 * 3_600_000;

/** Removes bootstrap tokens that have ended. They are good for nothing from that moment on; this is for the eye. */
export class TokenCleanerController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #tokens: Informer<Secret>;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#tokens = followTokens(context);
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'token-cleaner', workers),
      needs: [this.#tokens],
      sync: (name) => this.#sync(name),
    });
    const enqueue = ({ metadata }: Secret): void => this.#loop.enqueue(metadata.name);
    this.#tokens.addHandler({ onAdd: enqueue, onUpdate: (_previous, secret) => enqueue(secret) });
  }

  async run(signal: AbortSignal): Promise<void> {
    const tasks = new TaskGroup(signal);
    tasks.start((until) => this.#tokens.run(until));
    tasks.start((until) => this.#loop.run(until));
    await tasks.join();
  }

  async #sync(name: string): Promise<SyncResult | undefined> {
    const { client, clock } = this.#context;
    const secret = this.#tokens.lister.get(tokenNamespace, name);
    if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined;
    const leftMs = endOfToken(secret) - clock.nowMs();
    if (leftMs > 0)
      return Number.isFinite(leftMs) ? { requeueAfterMs: Math.min(leftMs, longestWaitMs) } : undefined;
    await client.delete(secrets, { namespace: tokenNamespace, name }, { uid: secret.metadata.uid });
    return undefined;
  }
}
