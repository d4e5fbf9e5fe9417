import type { Random } from '../../base/random.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AdmissionPlugin } from './admission.ts';
import { CertificateSubjectRestriction } from './certificate-subject.ts';
import { DefaultTolerationSeconds } from './default-tolerations.ts';
import { NamespaceLifecycle } from './namespace-lifecycle.ts';
import { TaintNodesByCondition } from './node-taints.ts';
import { Priority } from './priority.ts';
import { RuntimeClassAdmission } from './runtime-class.ts';
import { ServiceAccountAdmission } from './service-account.ts';

export interface AdmissionDependencies {
  readonly cache: ReadCache;
  readonly random: Random;
}

/** Every rule of admission, in the order in which they are asked. */
export function admissionPlugins(deps: AdmissionDependencies): AdmissionPlugin[] {
  return [
    new NamespaceLifecycle(deps.cache),
    new ServiceAccountAdmission(deps.cache, deps.random),
    new TaintNodesByCondition(),
    new DefaultTolerationSeconds(),
    new Priority(deps.cache),
    new RuntimeClassAdmission(deps.cache),
    new CertificateSubjectRestriction(),
  ];
}
