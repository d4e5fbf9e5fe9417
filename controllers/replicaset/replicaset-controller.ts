import type { ReplicaSet } from '../../api/generated/apps-v1.ts';
import { replicasets } from '../../api/generated/resources.ts';
import type { ControllerContext } from '../context.ts';
import type { ControlLoop } from '../loop.ts';
import { controllerOf } from '../ownership.ts';
import { controllerIndex } from '../shared-informers.ts';
import { type ReplicaKind, ReplicaLoop } from './replica-loop.ts';

const kind: ReplicaKind<ReplicaSet> = {
  type: replicasets,
  loop: 'replicaset',
  component: 'replicaset-controller',
  informerOf: ({ replicaSets }) => replicaSets,
  viewOf: (replicaSet) => replicaSet,
  withStatus: (replicaSet, status) => ({ ...replicaSet, status }),
  // Two versions of a Deployment count as one.
  siblingsOf(replicaSet, { replicaSets }) {
    const owner = controllerOf(replicaSet);
    return owner === undefined ? [replicaSet] : replicaSets.lister.byIndex(controllerIndex, owner.uid);
  },
};

export class ReplicaSetController implements ControlLoop {
  readonly #loop: ReplicaLoop<ReplicaSet>;

  constructor(context: ControllerContext) {
    this.#loop = new ReplicaLoop(context, kind);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }
}
