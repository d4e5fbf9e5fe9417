import type { Namespace } from '../../api/generated/core-v1.ts';
import { namespaces } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { invalid } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsLabelName } from './names.ts';
import { validateFinalizers } from './object-meta.ts';

const nameLabel = 'kubernetes.io/metadata.name';

export const namespaceRules: KindRules<Namespace> = {
  type: namespaces,
  nameRule: dnsLabelName,
  setDefaults({ metadata }) {
    if (metadata.name !== undefined && metadata.name !== '')
      metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  prepareForCreate(namespace) {
    namespace.status = { phase: 'Active' };
    namespace.spec ??= {};
    const finalizers = namespace.spec.finalizers ?? [];
    if (!finalizers.includes('kubernetes')) namespace.spec.finalizers = [...finalizers, 'kubernetes'];
    const { metadata } = namespace;
    if (metadata.name !== undefined) metadata.labels = { ...metadata.labels, [nameLabel]: metadata.name };
  },
  prepareForUpdate(next, current, context) {
    if (context.subresource === 'finalize' || context.subresource === 'status') return;
    next.spec ??= {};
    if (current.spec?.finalizers === undefined) delete next.spec.finalizers;
    else next.spec.finalizers = current.spec.finalizers;
  },
  validate: (namespace) => validateFinalizers(namespace.spec?.finalizers ?? [], 'spec.finalizers'),
  validateStatus({ metadata, status }) {
    const isLeaving = metadata.deletionTimestamp !== undefined;
    const [phase, when] = isLeaving ? ['Terminating', 'not empty'] : ['Active', 'empty'];
    const text = `may only be '${phase}' if \`deletionTimestamp\` is ${when}`;
    return status?.phase === phase ? [] : [invalid('status.Phase', status?.phase ?? '', text)];
  },
  selectableFields: { 'status.phase': (namespace) => namespace.status?.phase ?? '' },
  columns: [
    nameColumn,
    column('Status', 'The status of the namespace', (namespace) => namespace.status?.phase ?? ''),
    ageColumn,
  ],
};
