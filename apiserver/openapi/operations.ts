import { type JsonObject, referenceTo } from './component-schemas.ts';
import { type Action, actionParameters } from './parameters.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
export const patchDefinition: string = `${meta}.Patch`;
export const statusDefinition: string = `${meta}.Status`;
export const deleteOptionsDefinition: string = `${meta}.DeleteOptions`;

const objectTypes = ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml'];
const streamTypes = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const patchTypes = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];

const contentOf = (types: readonly string[], schema: JsonObject): JsonObject =>
  Object.fromEntries(types.map((type) => [type, { schema }]));

export interface Versioned {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface Operation {
  readonly action: Action;
  readonly id: string;
  readonly tag: string;
  readonly gvk: Versioned;
  /** Definition of the body of a request that has one. */
  readonly body: string | undefined;
  /** Definition of the answer; absent for plain text. */
  readonly answer: string | undefined;
}

function bodyOf({ action, body }: Operation): JsonObject {
  switch (action) {
    case 'post':
    case 'put':
      return body === undefined
        ? {}
        : { requestBody: { content: { '*/*': { schema: referenceTo(body) } }, required: true } };
    case 'patch':
      return {
        requestBody: { content: contentOf(patchTypes, referenceTo(patchDefinition)), required: true },
      };
    case 'delete':
    case 'deletecollection':
      return { requestBody: { content: { '*/*': { schema: referenceTo(deleteOptionsDefinition) } } } };
    default:
      return {};
  }
}

const codes: Readonly<Record<Action, readonly number[]>> = {
  get: [200],
  list: [200],
  post: [200, 201, 202],
  put: [200, 201],
  patch: [200, 201],
  delete: [200, 202],
  deletecollection: [200],
  connect: [200],
};

function responsesOf({ action, answer }: Operation): JsonObject {
  const types = action === 'list' ? [...objectTypes, ...streamTypes] : objectTypes;
  const content =
    answer === undefined
      ? contentOf(action === 'connect' ? ['*/*'] : ['text/plain'], { type: 'string' })
      : contentOf(types, referenceTo(answer));
  const descriptions: Readonly<Record<number, string>> = { 200: 'OK', 201: 'Created', 202: 'Accepted' };
  return Object.fromEntries([
    ...codes[action].map((code) => [code, { content, description: descriptions[code] }] as const),
    [401, { description: 'Unauthorized' }] as const,
  ]);
}

/** One operation of a path, as OpenAPI has it. */
export function renderOperation(operation: Operation): JsonObject {
  const parameters = actionParameters[operation.action];
  return {
    operationId: operation.id,
    tags: [operation.tag],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...bodyOf(operation),
    responses: responsesOf(operation),
    'x-kubernetes-action': operation.action,
    'x-kubernetes-group-version-kind': operation.gvk,
  };
}
