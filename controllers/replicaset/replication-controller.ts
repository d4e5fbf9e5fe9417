import type { ReplicationController } from '../../api/generated/core-v1.ts';
import { replicationcontrollers } from '../../api/generated/resources.ts';
import type { ControllerContext } from '../context.ts';
import type { ControlLoop } from '../loop.ts';
import { type ReplicaKind, ReplicaLoop } from './replica-loop.ts';

const kind: ReplicaKind<ReplicationController> = {
  type: replicationcontrollers,
  loop: 'replication-controller',
  component: 'replication-controller',
  informerOf: ({ replicationControllers }) => replicationControllers,
  viewOf: ({ metadata, spec = {}, status }) => ({
    ...{ metadata, status },
    spec: { ...spec, selector: { matchLabels: spec.selector ?? {} } },
  }),
  withStatus(object, { terminatingReplicas: _terminating, ...status }) {
    return { ...object, status };
  },
  siblingsOf: (object) => [object],
};

/** The older form of a ReplicaSet, and the same loop. */
export class ReplicationControllerController implements ControlLoop {
  readonly #loop: ReplicaLoop<ReplicationController>;

  constructor(context: ControllerContext) {
    this.#loop = new ReplicaLoop(context, kind);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }
}
