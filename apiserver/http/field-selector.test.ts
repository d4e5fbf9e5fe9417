import { expect, test } from 'vitest';
import type { KindInfo } from '../../api/kind-info.ts';
import { checkFields, parseFieldSelector } from './field-selector.ts';

const kind = (group: string, plural: string, namespaced = true): KindInfo => ({
  ...{ group, version: 'v1', kind: 'K', plural, singular: 'k', namespaced, schema: '' },
  ...{ verbs: [], shortNames: [], categories: [], subresources: [] },
});
const own = (name: string): ReadonlyMap<string, unknown> => new Map([[name, true]]);
const plain = 'is not a known field selector: only "metadata.name", "metadata.namespace"';

test.each([
  [kind('', 'pods'), own('spec.nodeName'), 'field label not supported: spec.x'],
  [kind('', 'configmaps'), new Map(), `"spec.x" ${plain}`],
  [kind('apps', 'replicasets'), own('status.replicas'), `"spec.x" ${plain}`],
  [kind('batch', 'jobs'), own('status.successful'), 'field label "spec.x" not supported for Job'],
  [
    kind('resource.k8s.io', 'resourceslices', false),
    own('spec.driver'),
    'field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: spec.x',
  ],
])('a field that %o does not offer is refused in words of the kind', (info, selectable, message) => {
  expect(() => checkFields(parseFieldSelector('spec.x=1'), info, selectable)).toThrow(message);
});
