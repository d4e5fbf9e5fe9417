import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { Authorizer } from '../authorization/authorizer.ts';
import { NodeRestriction } from '../authorization/node/node-restriction.ts';
import type { Registry } from '../registry/registry.ts';
import type { Storage } from '../storage/storage.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AdmissionPlugin } from './admission.ts';
import {
  CertificateApproval,
  CertificateSigning,
  CertificateSubjectRestriction,
} from './certificate-requests.ts';
import { PersistentVolumeClaimResize } from './claim-resize.ts';
import { type AdmissionConfiguration, defaultConfiguration } from './configuration.ts';
import { DefaultIngressClass, DefaultStorageClass } from './default-classes.ts';
import { DefaultTolerationSeconds } from './default-tolerations.ts';
import { LimitRanger } from './limit-ranger.ts';
import { Lookup } from './lookup.ts';
import { NamespaceLifecycle } from './namespace-lifecycle.ts';
import { TaintNodesByCondition } from './node-taints.ts';
import { OwnerReferencesPermissionEnforcement } from './owner-references.ts';
import { Permissions } from './permissions.ts';
import { PodSecurity } from './pod-security/pod-security.ts';
import { Priority } from './priority.ts';
import { ResourceQuotaAdmission } from './quota/resource-quota.ts';
import { RuntimeClassAdmission } from './runtime-class.ts';
import { ServiceAccountAdmission } from './service-account.ts';
import { StorageObjectInUseProtection } from './storage-protection.ts';

export interface AdmissionDependencies {
  readonly cache: ReadCache;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly random: Random;
  readonly authorizer: Authorizer;
  readonly registry: Pick<Registry, 'byKind'>;
  readonly configuration?: AdmissionConfiguration | undefined;
}

/**
 * Every rule of admission, in the order in which they are asked, which is Kubernetes'. Policies and webhooks come
 * before the quota: it counts what the others have let through, and is the last to say no.
 */
export function admissionPlugins(deps: AdmissionDependencies): AdmissionPlugin[] {
  const { cache, clock, random, registry, configuration = defaultConfiguration } = deps;
  const lookup = new Lookup(cache);
  const permissions = new Permissions(deps.authorizer);
  return [
    new NamespaceLifecycle(cache),
    new LimitRanger(lookup),
    new ServiceAccountAdmission(lookup, random),
    new NodeRestriction(cache, permissions),
    new TaintNodesByCondition(),
    new PodSecurity({ cache, lookup, clock, configuration: configuration.podSecurity }),
    new Priority(lookup),
    new DefaultTolerationSeconds(),
    new DefaultStorageClass(lookup),
    new StorageObjectInUseProtection(),
    new OwnerReferencesPermissionEnforcement(permissions, registry),
    new PersistentVolumeClaimResize(lookup),
    new RuntimeClassAdmission(lookup),
    new CertificateApproval(permissions),
    new CertificateSigning(permissions),
    new CertificateSubjectRestriction(),
    new DefaultIngressClass(lookup),
    new ResourceQuotaAdmission(deps),
  ];
}
