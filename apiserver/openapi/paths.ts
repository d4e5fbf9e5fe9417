import type { KindInfo, SubresourceInfo } from '../../api/kind-info.ts';
import { schemaFacts } from '../decode/schema.ts';
import type { JsonObject } from './component-schemas.ts';
import { renderOperation, statusDefinition, type Versioned } from './operations.ts';
import { type Action, pathParameters, prettyParameter } from './parameters.ts';

/** Definition names by group, version and kind. */
const definitions: ReadonlyMap<string, string> = new Map(
  [...schemaFacts].flatMap(([name, schema]) =>
    (schema['x-kubernetes-group-version-kind'] ?? []).map(
      ({ group, version, kind }) => [`${group}/${version}/${kind}`, name] as const,
    ),
  ),
);

export function definitionOf({ group, version, kind }: Versioned): string | undefined {
  return definitions.get(`${group}/${version}/${kind}`);
}

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

interface VerbForm {
  readonly method: Method;
  readonly action: Action;
  /** First word of the operation's name. */
  readonly word: string;
  /** Of the collection, not of one object. */
  readonly collection: boolean;
}

const verbForms: Readonly<Record<string, VerbForm>> = {
  list: { method: 'get', action: 'list', word: 'list', collection: true },
  create: { method: 'post', action: 'post', word: 'create', collection: true },
  deletecollection: {
    method: 'delete',
    action: 'deletecollection',
    word: 'deleteCollection',
    collection: true,
  },
  get: { method: 'get', action: 'get', word: 'read', collection: false },
  update: { method: 'put', action: 'put', word: 'replace', collection: false },
  patch: { method: 'patch', action: 'patch', word: 'patch', collection: false },
  delete: { method: 'delete', action: 'delete', word: 'delete', collection: false },
};

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** `rbac.authorization.k8s.io` -> `RbacAuthorization` */
function groupWord(group: string): string {
  if (group === '') return 'Core';
  return group
    .replace(/\.k8s\.io$/, '')
    .split('.')
    .map(capitalized)
    .join('');
}

const tagOf = ({ group, version }: KindInfo): string => {
  const word = groupWord(group);
  return `${word.charAt(0).toLowerCase()}${word.slice(1)}_${version}`;
};

const rootOf = ({ group, version }: KindInfo): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

const nameOf = (kind: KindInfo): string =>
  `${groupWord(kind.group)}${capitalized(kind.version)}${kind.namespaced ? 'Namespaced' : ''}${kind.kind}`;

const scopeParameters = (kind: KindInfo): JsonObject[] =>
  kind.namespaced ? [pathParameters.namespace, prettyParameter] : [prettyParameter];

function mainOperation(kind: KindInfo, form: VerbForm, id: string): JsonObject {
  const own = definitionOf(kind) ?? kind.schema;
  const list = definitionOf({ ...kind, kind: `${kind.kind}List` });
  const answers: Partial<Record<Action, string | undefined>> = {
    list: list ?? own,
    delete: statusDefinition,
    deletecollection: statusDefinition,
  };
  return renderOperation({
    ...{ action: form.action, id, tag: tagOf(kind), body: own, answer: answers[form.action] ?? own },
    gvk: { group: kind.group, version: kind.version, kind: kind.kind },
  });
}

/** The operations of an object or of a collection, by method. */
function itemOf(kind: KindInfo, collection: boolean): JsonObject {
  const operations: Record<string, JsonObject> = {};
  for (const verb of kind.verbs) {
    const form = verbForms[verb];
    if (form?.collection !== collection) continue;
    operations[form.method] = mainOperation(kind, form, `${form.word}${nameOf(kind)}`);
  }
  return operations;
}

/** The list of all namespaces. */
function everywhereItem(kind: KindInfo): JsonObject | undefined {
  const form = verbForms['list'];
  if (form === undefined || !kind.namespaced || !kind.verbs.includes('list')) return undefined;
  const id = `list${groupWord(kind.group)}${capitalized(kind.version)}${kind.kind}ForAllNamespaces`;
  return { get: mainOperation(kind, form, id) };
}

/** Subresources that are streams: their kinds are only the parameters of a connection. */
const isConnection = (subresource: SubresourceInfo): boolean => /Options$/.test(subresource.kind);
const connectMethods: Readonly<Record<string, Method>> = {
  create: 'post',
  delete: 'delete',
  get: 'get',
  patch: 'patch',
  update: 'put',
};

function connectItem(kind: KindInfo, subresource: SubresourceInfo): JsonObject {
  const { group, version } = subresource;
  return Object.fromEntries(
    subresource.verbs.flatMap((verb) => {
      const method = connectMethods[verb];
      if (method === undefined) return [];
      const id = `connect${capitalized(method)}${nameOf(kind)}${capitalized(subresource.name)}`;
      const gvk = { group, version, kind: subresource.kind };
      const operation = { action: 'connect' as const, id, tag: tagOf(kind), gvk };
      return [[method, renderOperation({ ...operation, body: undefined, answer: undefined })]];
    }),
  );
}

function subresourceItem(kind: KindInfo, subresource: SubresourceInfo): JsonObject {
  if (isConnection(subresource)) return connectItem(kind, subresource);
  const { group, version } = subresource;
  const gvk = { group, version, kind: subresource.kind };
  const definition = definitionOf(gvk);
  return Object.fromEntries(
    subresource.verbs.flatMap((verb) => {
      const form = verbForms[verb];
      if (form === undefined) return [];
      const id = `${form.word}${nameOf(kind)}${capitalized(subresource.name)}`;
      const answer = subresource.name === 'log' ? undefined : definition;
      return [
        [
          form.method,
          renderOperation({ action: form.action, id, tag: tagOf(kind), gvk, body: definition, answer }),
        ],
      ];
    }),
  );
}

/** All paths of one kind. */
export function pathsOf(kind: KindInfo): [string, JsonObject][] {
  const root = rootOf(kind);
  const base = kind.namespaced ? `${root}/namespaces/{namespace}/${kind.plural}` : `${root}/${kind.plural}`;
  const scope = scopeParameters(kind);
  const named = [pathParameters.name, ...scope];
  const paths: [string, JsonObject][] = [];
  const add = (path: string, item: JsonObject | undefined, parameters: readonly JsonObject[]): void => {
    if (item !== undefined && Object.keys(item).length > 0) paths.push([path, { ...item, parameters }]);
  };
  add(`${root}/${kind.plural}`, everywhereItem(kind), [prettyParameter]);
  add(base, itemOf(kind, true), scope);
  add(`${base}/{name}`, itemOf(kind, false), named);
  for (const subresource of kind.subresources) {
    const path = `${base}/{name}/${subresource.name}`;
    const item = subresourceItem(kind, subresource);
    add(path, item, named);
    if (subresource.name === 'proxy') add(`${path}/{path}`, item, [pathParameters.path, ...named]);
  }
  return paths;
}
