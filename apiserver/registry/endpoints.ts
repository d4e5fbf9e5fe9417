import { isDeepStrictEqual } from 'node:util';
import type { Endpoints } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpoints, endpointslices } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { validateEndpoints, validateSlice } from './endpoint-validation.ts';
import { invalid } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';

const shownItems = 3;

/** `a,b,c + 2 more...` */
function shorten(items: readonly string[], none: string): string {
  if (items.length === 0) return none;
  const more = items.length > shownItems ? ` + ${items.length - shownItems} more...` : '';
  return items.slice(0, shownItems).join(',') + more;
}

/** What v1beta1 had is not written through v1. Mutates. */
function dropTopology(items: readonly Endpoint[] | undefined): void {
  for (const endpoint of items ?? []) delete endpoint.deprecatedTopology;
}

export const endpointSliceRules: KindRules<EndpointSlice> = {
  type: endpointslices,
  countsGeneration: true,
  countedMeta: ['labels'],
  setDefaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  prepareForCreate: ({ endpoints: items }) => dropTopology(items),
  prepareForUpdate({ endpoints: items }, current) {
    const isWritten = (items ?? []).some(({ deprecatedTopology }) => deprecatedTopology !== undefined);
    if (isWritten && !isDeepStrictEqual(items, current.endpoints)) dropTopology(items);
  },
  validate: (slice, _context, current) => validateSlice(slice, current),
  validateUpdate: (next, current) =>
    next.addressType === current.addressType
      ? []
      : [invalid('addressType', next.addressType, 'field is immutable')],
  warnings: ({ addressType }, previous) =>
    addressType === 'FQDN' && previous === undefined
      ? ['spec.addressType: FQDN endpoints are deprecated']
      : [],
  columns: [
    nameColumn,
    column('AddressType', 'What kind of addresses the endpoints have.', ({ addressType }) => addressType),
    column('Ports', 'Ports of the endpoints.', ({ ports }) =>
      shorten(
        (ports ?? []).map(({ port, name }) =>
          String(port ?? (name === undefined || name === '' ? '*' : name)),
        ),
        '<unset>',
      ),
    ),
    column('Endpoints', 'Addresses of the endpoints.', (slice) =>
      shorten(
        (slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
        '<unset>',
      ),
    ),
    ageColumn,
  ],
};

export const endpointsRules: KindRules<Endpoints> = {
  type: endpoints,
  allowCreateOnUpdate: true,
  setDefaults({ subsets }) {
    for (const subset of subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= 'TCP';
  },
  validate: (object, _context, current) => validateEndpoints(object, current),
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  columns: [
    nameColumn,
    column('Endpoints', 'Addresses and ports.', ({ subsets }) =>
      shorten(
        (subsets ?? []).flatMap(({ addresses, ports }) =>
          (addresses ?? []).flatMap(({ ip }) =>
            (ports ?? []).length === 0 ? [ip] : (ports ?? []).map(({ port }) => `${ip}:${port}`),
          ),
        ),
        '<none>',
      ),
    ),
    ageColumn,
  ],
};
