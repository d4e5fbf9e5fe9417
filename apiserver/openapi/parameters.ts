import type { JsonObject } from './component-schemas.ts';

type ValueType = 'string' | 'boolean' | 'integer';

const query = (name: string, type: ValueType): JsonObject => ({
  ...{ in: 'query', name },
  schema: { type, uniqueItems: true },
});

const path = (name: string): JsonObject => ({
  ...{ in: 'path', name, required: true },
  schema: { type: 'string', uniqueItems: true },
});

export const pathParameters: Readonly<Record<'name' | 'namespace' | 'path', JsonObject>> = {
  name: path('name'),
  namespace: path('namespace'),
  path: path('path'),
};

export const prettyParameter: JsonObject = query('pretty', 'string');

const writeParameters = [query('dryRun', 'string'), query('fieldManager', 'string')];
const fieldValidation = query('fieldValidation', 'string');

const listParameters = [
  query('allowWatchBookmarks', 'boolean'),
  query('continue', 'string'),
  query('fieldSelector', 'string'),
  query('labelSelector', 'string'),
  query('limit', 'integer'),
  query('resourceVersion', 'string'),
  query('resourceVersionMatch', 'string'),
  query('sendInitialEvents', 'boolean'),
  query('timeoutSeconds', 'integer'),
  query('watch', 'boolean'),
];

const deleteParameters = [
  query('dryRun', 'string'),
  query('gracePeriodSeconds', 'integer'),
  query('ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'),
  query('orphanDependents', 'boolean'),
  query('propagationPolicy', 'string'),
];

/** What a request may be, as `x-kubernetes-action` says it. */
export type Action = 'get' | 'list' | 'post' | 'put' | 'patch' | 'delete' | 'deletecollection' | 'connect';

/** Query parameters by action. Clients look here for whether the server knows `fieldValidation` and `dryRun`. */
export const actionParameters: Readonly<Record<Action, readonly JsonObject[]>> = {
  get: [],
  list: listParameters,
  post: [...writeParameters, fieldValidation],
  put: [...writeParameters, fieldValidation],
  patch: [...writeParameters, fieldValidation, query('force', 'boolean')],
  delete: deleteParameters,
  deletecollection: [
    ...deleteParameters,
    ...listParameters.filter(({ name }) => name !== 'watch' && name !== 'allowWatchBookmarks'),
  ],
  connect: [],
};
