import type { AnyObject } from '../../api/kind-info.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { AdmissionChain } from '../admission/admission.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { ObjectSource } from './object-source.ts';
import type { Reserver } from './reservation.ts';
import type { Semantics } from './semantics.ts';

/** What would become of a pod, were it created now: for dry runs. */
export type ForeseePod = (
  pod: AnyObject,
) => Promise<{ readonly nodeName?: string; readonly warning?: string }>;

/** What the write flows work with. */
export interface StoreDependencies {
  readonly storage: Storage;
  readonly cache: ReadCache;
  readonly source: ObjectSource;
  readonly admission: AdmissionChain;
  readonly semantics: Semantics;
  /** By storage resource: what else its objects need. */
  readonly reservers: ReadonlyMap<string, Reserver>;
  /** Without it a dry run leaves a pod without a node. */
  readonly foreseePod?: ForeseePod | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
