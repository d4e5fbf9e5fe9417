import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient } from '../client/client.ts';
import type { EventSink } from '../client/event-recorder.ts';
import type { ReconcileLoopOptions } from './loop.ts';
import type { SharedInformers } from './shared-informers.ts';

export interface SigningSettings {
  readonly certPem: string;
  readonly keyPem: string;
  /** The longest that a certificate lasts. */
  readonly durationSeconds: number;
}

export interface ControllerSettings {
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  /** PEM that goes into every namespace's `kube-root-ca.crt`; undefined publishes none. */
  readonly rootCa: string | undefined;
  /** The authority that signs certificate requests; undefined signs none. */
  readonly signing?: SigningSettings | undefined;
  /** The cluster's heartbeat key, of which a node that joins gets its own; undefined gives none. */
  readonly beatKey?: Buffer | undefined;
}

/** What every control loop is built from. */
export interface ControllerContext {
  readonly client: ApiClient;
  readonly informers: SharedInformers;
  /** Events with Kubernetes' source name of a controller, e.g. `replicaset-controller`. */
  eventsOf(component: string): EventSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: ControllerSettings;
}

/** The part of a loop's options that is the same for all. */
export function loopOptions(
  context: ControllerContext,
  name: string,
  workers: number,
): Pick<ReconcileLoopOptions, 'name' | 'workers' | 'clock' | 'random' | 'logger'> {
  const { clock, random, logger } = context;
  return { name, workers, clock, random, logger: logger.child({ loop: name }) };
}
