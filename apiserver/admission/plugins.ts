import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AdmissionPlugin } from './admission.ts';
import { NamespaceLifecycle } from './namespace-lifecycle.ts';

export interface AdmissionDependencies {
  readonly cache: ReadCache;
  readonly clock: Clock;
  readonly random: Random;
}

/** Every rule of admission, in the order in which they are asked. */
export function admissionPlugins(deps: AdmissionDependencies): AdmissionPlugin[] {
  return [new NamespaceLifecycle(deps.cache)];
}
