import type { Lease } from '../../api/generated/coordination-v1.ts';
import { leases } from '../../api/generated/resources.ts';
import { describe } from './column-descriptions.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { invalid } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { validateNonNegative } from './probe-validation.ts';

export const leaseRules: KindRules<Lease> = {
  type: leases,
  allowCreateOnUpdate: true,
  allowUnconditionalUpdate: false,
  validate({ spec }) {
    const seconds = spec?.leaseDurationSeconds;
    return [
      ...(seconds !== undefined && seconds <= 0
        ? [invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
        : []),
      ...validateNonNegative(spec?.leaseTransitions, 'spec.leaseTransitions'),
    ];
  },
  columns: [
    nameColumn,
    column('Holder', describe('Lease', 'Holder'), ({ spec }) => spec?.holderIdentity ?? ''),
    ageColumn,
  ],
};
