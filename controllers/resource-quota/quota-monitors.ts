import type { AnyObject, ApiObject } from '../../api/kind-info.ts';
import { usageOf } from '../../api/quota-usage.ts';
import { formatResourceList } from '../../api/resource-list.ts';
import type { TaskGroup } from '../../base/task-group.ts';
import { Informer, type InformerHandler } from '../../client/informer.ts';
import type { ControllerContext } from '../context.ts';
import { isSame } from '../structural-equality.ts';
import { type CountedKind, storageResource } from './counted-kinds.ts';

export interface QuotaListener {
  /** Whether anything in that namespace is counted. */
  isCounted(namespace: string): boolean;
  /** Something of `kind` in `namespace` has gone or counts differently. */
  freed(kind: CountedKind, namespace: string): void;
}

/** Follows the kinds that quotas are about, and tells of what may have made room. */
export class QuotaMonitors {
  readonly #context: ControllerContext;
  readonly #listener: QuotaListener;
  readonly #followed = new Set<string>();

  constructor(context: ControllerContext, listener: QuotaListener) {
    this.#context = context;
    this.#listener = listener;
  }

  /** From now on. A kind that other loops follow is not watched twice; one that quotas named once is followed on. */
  follow(kind: CountedKind, group: TaskGroup): void {
    const resource = storageResource(kind);
    if (this.#followed.has(resource)) return;
    this.#followed.add(resource);
    const handler = this.#handlerOf(kind, resource);
    const shared = this.#context.informers.find(kind);
    if (shared !== undefined) {
      shared.addHandler(handler);
      return;
    }
    const { client, clock, random, logger } = this.#context;
    const informer = new Informer({ client, clock, random, logger, type: kind, transform: nameOnly });
    informer.addHandler(handler);
    group.start((signal) => informer.run(signal));
  }

  #handlerOf(kind: CountedKind, resource: string): InformerHandler<ApiObject> {
    const tell = ({ metadata }: ApiObject): void => this.#listener.freed(kind, metadata.namespace ?? '');
    const isMeasured = ['/pods', '/services', '/persistentvolumeclaims'].includes(resource);
    if (!isMeasured) return { onDelete: tell };
    const usage = (object: ApiObject): object => {
      const own: AnyObject = { ...object };
      return formatResourceList(usageOf(resource, own, this.#context.clock.nowMs()));
    };
    return {
      onDelete: tell,
      onUpdate: (previous, object) => {
        if (!this.#listener.isCounted(object.metadata.namespace ?? '')) return;
        if (!isSame(usage(previous), usage(object))) tell(object);
      },
    };
  }
}

/** Of a kind that is only counted nothing else is needed. */
function nameOnly({ apiVersion, kind, metadata }: ApiObject): ApiObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion, creationTimestamp } };
}
