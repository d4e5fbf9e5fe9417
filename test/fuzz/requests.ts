/**
 * One damaged request after another, made of what clients send: recorded requests and objects that fit a kind's schema,
 * changed in their structure before they are written as JSON, YAML or protobuf, or in their bytes afterwards.
 */
import { stringify } from 'yaml';
import { toApiVersion } from '../../api/kind-info.ts';
import { ProtobufMessages } from '../../apiserver/decode/protobuf/messages.ts';
import { isEncodable } from '../../apiserver/decode/protobuf/object-encoder.ts';
import { createRegistry, type Registry } from '../../apiserver/registry/registry.ts';
import type { KindStrategy } from '../../apiserver/registry/strategy.ts';
import { loadCorpus, type RecordedRequest } from './corpus.ts';
import { damageBytes, damageTree, repeatField } from './damage.ts';
import type { Dice } from './dice.ts';
import { somePatch } from './patches.ts';
import { ProtobufWriter } from './protobuf-writer.ts';
import { someQuery } from './queries.ts';
import { someText } from './texts.ts';
import { valueFitting } from './values.ts';

export interface FuzzRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
}

export interface FuzzWorld {
  readonly registry: Registry;
  readonly corpus: readonly RecordedRequest[];
  readonly protobuf: ProtobufWriter;
}

export function createWorld(): FuzzWorld {
  const registry = createRegistry();
  const protobuf = new ProtobufWriter(new ProtobufMessages(registry.schemas));
  return { registry, corpus: loadCorpus(), protobuf };
}

/** The next request; objects that it makes are in `namespace` or have it in their names. */
export function someRequest(world: FuzzWorld, dice: Dice, namespace: string): FuzzRequest {
  return dice.branch<FuzzRequest>([
    [10, () => recorded(world, dice, namespace)],
    [5, () => generated(world, dice, namespace)],
    [3, () => reading(world, dice, namespace)],
    [1, () => oddPath(world, dice, namespace)],
  ]);
}

const names = ['f-1', 'f-2', 'f-3'] as const;

/** The path of a kind's collection or object. */
export function pathOf(strategy: KindStrategy, namespace: string, name = '', subresource = ''): string {
  const { kind } = strategy;
  const root = kind.group === '' ? '/api/v1' : `/apis/${kind.group}/${kind.version}`;
  const scope = kind.namespaced ? `/namespaces/${namespace}` : '';
  const tail = [name, subresource]
    .filter((part) => part !== '')
    .map((part) => `/${encodeURIComponent(part.toWellFormed())}`);
  return `${root}${scope}/${kind.plural}${tail.join('')}`;
}

/** Recorded names of cluster-scoped objects contain the namespace or are the case's own. */
function recorded(world: FuzzWorld, dice: Dice, namespace: string): FuzzRequest {
  const step = JSON.parse(
    JSON.stringify(dice.pick(world.corpus))
      .replaceAll(/\$\{ns\}/g, namespace)
      .replaceAll(/\$\{\w+\}/g, () => dice.pick(['1', '200', '127', 'x'])),
  ) as RecordedRequest;
  const separator = step.path.includes('?') ? '&' : '?';
  const kind = step.method === 'GET' ? 'reading' : 'writing';
  const query = dice.chance(0.3) ? someQuery(dice, kind, 2).replace('?', separator) : '';
  const headers = {
    ...step.headers,
    ...(step.contentType === undefined ? {} : { 'content-type': step.contentType }),
  };
  const written = encodeURI(step.path).replaceAll('%25', '%');
  const path = dice.chance(0.05) ? damagePath(dice, written) : written;
  const request = {
    method: step.method,
    path: path + query,
    headers: someHeaders(dice, headers),
    body: undefined,
  };
  if (step.bodyBase64 !== undefined)
    return { ...request, body: damageBytes(dice, Buffer.from(step.bodyBase64, 'base64')) };
  if (step.body === undefined) return request;
  if (typeof step.body === 'string') return { ...request, body: damageBytes(dice, Buffer.from(step.body)) };
  if (dice.chance(0.8)) damageTree(dice, step.body, dice.pick([1, 1, 2, 5]));
  return { ...request, ...writeBody(world, dice, step.body, { path, headers: request.headers }) };
}

function someHeaders(dice: Dice, headers: Record<string, string>): Record<string, string> {
  if (dice.chance(0.85)) return headers;
  return dice.branch<Record<string, string>>([
    [3, () => ({ ...headers, accept: dice.pick(accepts) })],
    [2, () => ({ ...headers, 'content-type': dice.pick(contentTypes) })],
    [1, () => ({ ...headers, 'user-agent': 'x'.repeat(3_000) })],
    [1, () => ({ ...headers, authorization: dice.pick(['Bearer', 'Bearer x.y.z', 'Basic eDp5', '']) })],
    [1, () => ({ ...headers, 'accept-encoding': dice.pick(['gzip', 'br', 'gzip;q=0', '*', '']) })],
    [1, () => ({ ...headers, 'if-none-match': '"x"', 'x-remote-user': 'root', 'x-forwarded-for': 'x' })],
    [1, () => ({ ...headers, 'content-encoding': dice.pick(['gzip', 'identity', 'x']) })],
  ]);
}

const table = 'as=Table;v=v1;g=meta.k8s.io';
const protobuf = 'application/vnd.kubernetes.protobuf';
const metadata = 'g=meta.k8s.io;v=v1;as=PartialObjectMetadata';
const accepts = [
  '*/*',
  'application/json',
  'application/yaml',
  protobuf,
  protobuf,
  `${protobuf},application/json`,
  `${protobuf};q=0.5,application/yaml;q=0.4,*/*;q=0.1`,
  `${protobuf};stream=watch`,
  `${protobuf};stream=x,application/json;stream=watch`,
  `${protobuf};${table},application/json;${table}`,
  `${protobuf};${metadata},application/json;${metadata},application/json`,
  `${protobuf};${metadata}List,application/json`,
  `${protobuf};q=0,application/*;q=0.3;v=x`,
  'text/html',
  ';;;',
  ',',
  'application/json;q=x',
  `application/json;${table}`,
  `application/yaml;${table}`,
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/json;as=X;v=v1;g=meta.k8s.io',
  'application/json;as=__proto__;v=v1;g=meta.k8s.io',
  'application/cbor',
];
const contentTypes = [
  'application/json',
  'application/yaml',
  'application/json; charset=utf-16',
  'text/plain',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
  'application/apply-patch+cbor',
  'multipart/form-data',
  ';',
  'x'.repeat(300),
];

function writeBody(
  world: FuzzWorld,
  dice: Dice,
  tree: unknown,
  target: { readonly path: string; readonly headers: Readonly<Record<string, string>> },
): { readonly body: Buffer; readonly headers: Readonly<Record<string, string>> } {
  const isPatch = (target.headers['content-type'] ?? '').includes('patch');
  const definition = isPatch ? undefined : definitionOf(world, tree);
  const protobuf = definition !== undefined && dice.chance(0.15);
  const yaml = !protobuf && !isPatch && dice.chance(0.15);
  const type = protobuf ? 'application/vnd.kubernetes.protobuf' : 'application/yaml';
  const headers = protobuf || yaml ? { ...target.headers, 'content-type': type } : target.headers;
  const text = JSON.stringify(tree) ?? '';
  let body: Buffer = Buffer.from(yaml ? stringify(tree) : text);
  if (protobuf) body = world.protobuf.body(tree as Record<string, unknown>, definition);
  else if (!yaml && dice.chance(0.05)) body = Buffer.from(repeatField(dice, text));
  if (dice.chance(protobuf ? 0.5 : 0.12)) body = damageBytes(dice, body);
  return { body, headers };
}

function definitionOf({ registry }: FuzzWorld, tree: unknown): string | undefined {
  if (typeof tree !== 'object' || tree === null) return undefined;
  const { apiVersion, kind } = tree as Record<string, unknown>;
  const found = registry.all.find(
    (each) => each.kind.kind === kind && toApiVersion(each.kind) === apiVersion,
  );
  if (found === undefined || !isEncodable({ apiVersion: toApiVersion(found.kind), kind: found.kind.kind }))
    return undefined;
  return found.kind.schema;
}

/** An object that fits its schema and mostly no rule. */
function generated(world: FuzzWorld, dice: Dice, namespace: string): FuzzRequest {
  const strategy = dice.pick(world.registry.all);
  const name = strategy.kind.namespaced ? dice.pick(names) : `${namespace}-${dice.pick(names)}`;
  const object = valueFitting(dice, strategy.schema, dice.pick([0.1, 0.3, 0.6])) as Record<string, unknown>;
  Object.assign(object, { apiVersion: toApiVersion(strategy.kind), kind: strategy.kind.kind });
  if (dice.chance(0.9))
    object['metadata'] = { ...(dice.chance(0.2) ? (object['metadata'] ?? {}) : {}), name };
  if (dice.chance(0.1)) damageTree(dice, object, 1);
  const subresource = dice.chance(0.15)
    ? dice.pick([{ name: 'status' }, ...strategy.kind.subresources]).name
    : '';
  const json = { 'content-type': 'application/json' };
  const query = someQuery(dice, 'writing', 1);
  if (dice.chance(0.35)) {
    const patch = somePatch(dice, object);
    return {
      ...patch,
      method: 'PATCH',
      path: pathOf(strategy, namespace, name, subresource) + (query || '?fieldManager=fuzz'),
    };
  }
  const isPut = dice.chance(0.3) || subresource !== '';
  const path = pathOf(strategy, namespace, isPut ? name : '', subresource);
  return {
    method: isPut ? 'PUT' : 'POST',
    path: path + query,
    ...writeBody(world, dice, object, { path, headers: json }),
  };
}

function reading(world: FuzzWorld, dice: Dice, namespace: string): FuzzRequest {
  const strategy = dice.pick(world.registry.all);
  const isStream = dice.chance(0.1);
  const name = dice.chance(0.4) ? dice.pick([...names, someText(dice)]) : '';
  const base = isStream
    ? `/api/v1/namespaces/default/pods/streams/${dice.pick(['log', 'exec', 'attach', 'portforward', 'proxy'])}`
    : pathOf(strategy, namespace, name);
  const query = someQuery(dice, isStream ? 'streams' : 'reading');
  const watch = dice.chance(0.1)
    ? `${query === '' ? '?' : '&'}watch=${dice.pick(['1', 'true', '', '0'])}`
    : '';
  const method = dice.branch<string>([
    [10, () => 'GET'],
    [1, () => 'DELETE'],
    [1, () => dice.pick(['HEAD', 'OPTIONS', 'POST', 'PUT', 'PATCH'])],
  ]);
  const headers = dice.chance(0.4) ? { accept: dice.pick(accepts) } : {};
  return {
    method,
    path: base + query + watch,
    headers,
    body: dice.chance(0.05) ? Buffer.from(someText(dice)) : undefined,
  };
}

function damagePath(dice: Dice, path: string): string {
  const parts = path.split('/');
  const at = dice.below(parts.length);
  parts[at] = dice.branch<string>([
    [3, () => encodeURIComponent(someText(dice).toWellFormed())],
    [
      1,
      () =>
        dice.pick([
          '',
          '.',
          '..',
          '%',
          '%2f',
          '%00',
          '%ff',
          'watch',
          'namespaces',
          'proxy',
          'x'.repeat(1_000),
        ]),
    ],
  ]);
  const damaged = parts.join('/');
  return damaged.startsWith('/') ? damaged : `/${damaged}`;
}

const roots = [
  '/',
  '/api',
  '/apis',
  '/api/v1',
  '/apis/apps',
  '/openapi/v3',
  '/openapi/v2',
  '/version',
  '/healthz/x',
  '/readyz?verbose',
  '/metrics',
  '/openapi/v3/api/v1',
  '/livez?exclude=x',
  '/swagger.json',
  '/.well-known/openid-configuration',
  '/apis/x/y/z/w/v/u',
  '/api/v1/componentstatuses',
  '/api/v1/componentstatuses/f-1',
];

function oddPath(world: FuzzWorld, dice: Dice, namespace: string): FuzzRequest {
  const path = dice.chance(0.5)
    ? dice.pick(roots)
    : damagePath(dice, pathOf(dice.pick(world.registry.all), namespace, 'f-1'));
  const method = dice.chance(0.8)
    ? 'GET'
    : dice.pick(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'FOO']);
  return {
    method,
    path: dice.chance(0.3) ? damagePath(dice, path) : path,
    headers: someHeaders(dice, {}),
    body: undefined,
  };
}
