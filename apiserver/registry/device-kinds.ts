/** Devices and claims of them (`resource.k8s.io`): stored as Kubernetes stores them; nothing allocates devices. */
import { isDeepStrictEqual } from 'node:util';
import type {
  DeviceClass,
  ResourceClaim,
  ResourceClaimSpec,
  ResourceClaimTemplate,
  ResourceSlice,
} from '../../api/generated/resource-v1.ts';
import {
  deviceclasses,
  resourceclaims,
  resourceclaimtemplates,
  resourceslices,
} from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { invalid } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsSubdomainProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

export const deviceClassRules: KindRules<DeviceClass> = {
  type: deviceclasses,
  countsGeneration: true,
  columns: [nameColumn, ageColumn],
};

/** One device of a request, where neither a number nor all of them is asked for. */
function setRequestDefaults({ devices }: ResourceClaimSpec): void {
  for (const { exactly, firstAvailable = [] } of devices?.requests ?? [])
    for (const request of exactly === undefined ? firstAvailable : [exactly, ...firstAvailable]) {
      request.allocationMode ??= 'ExactCount';
      if (request.allocationMode === 'ExactCount') request.count ??= 1;
      for (const toleration of request.tolerations ?? []) toleration.operator ??= 'Equal';
    }
}

const immutable = (field: string, next: unknown, current: unknown): FieldError[] =>
  isDeepStrictEqual(next, current) ? [] : [invalid(field, next, 'field is immutable')];

export const resourceClaimRules: KindRules<ResourceClaim> = {
  type: resourceclaims,
  setDefaults: ({ spec }) => setRequestDefaults(spec),
  validateUpdate: (next, current) => immutable('spec', next.spec, current.spec),
  columns: [nameColumn, column('State', 'What has become of the claim.', stateOf), ageColumn],
};

function stateOf({ metadata, status }: ResourceClaim): string {
  const states = [
    ...(metadata.deletionTimestamp === undefined ? [] : ['deleted']),
    ...(status?.allocation === undefined ? ['pending'] : ['allocated']),
    ...((status?.reservedFor ?? []).length === 0 ? [] : ['reserved']),
  ];
  return states.join(',');
}

export const resourceClaimTemplateRules: KindRules<ResourceClaimTemplate> = {
  type: resourceclaimtemplates,
  setDefaults: ({ spec }) => setRequestDefaults(spec.spec),
  validateUpdate: (next, current) => immutable('spec', next.spec, current.spec),
  columns: [nameColumn, ageColumn],
};

export const resourceSliceRules: KindRules<ResourceSlice> = {
  type: resourceslices,
  countsGeneration: true,
  validate: ({ spec }) =>
    dnsSubdomainProblems(spec.driver).map((problem) => invalid('spec.driver', spec.driver, problem)),
  validateUpdate: (next, current) => [
    ...immutable('spec.driver', next.spec.driver, current.spec.driver),
    ...immutable('spec.pool.name', next.spec.pool.name, current.spec.pool.name),
    ...immutable('spec.nodeName', next.spec.nodeName, current.spec.nodeName),
  ],
  selectableFields: {
    'spec.driver': ({ spec }) => spec.driver,
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
  },
  columns: [
    nameColumn,
    column('Node', 'The node that has the devices.', ({ spec }) => spec.nodeName ?? ''),
    column('Driver', 'Whose devices these are.', ({ spec }) => spec.driver),
    column('Pool', 'The pool that the devices belong to.', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
};
