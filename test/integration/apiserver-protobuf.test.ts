import { readFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { protobufType } from '../../apiserver/decode/protobuf/body.ts';
import {
  type ProtobufEvent,
  readProtobuf,
  readProtobufFrames,
  withoutEmpty,
} from '../fuzz/protobuf-answers.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';

const pods = '/api/v1/namespaces/default/pods';
const maps = '/api/v1/namespaces/default/configmaps';
/** Stored as v2, and seen as v1 too. */
const scalers = (version: string): string =>
  `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
let server: ApiServerProcess;
let agent: Agent;

interface Call {
  readonly method?: string;
  readonly accept?: string;
  readonly body?: object;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

type JsonObject = Record<string, unknown>;

function open(path: string, { method, accept = protobufType, body }: Call = {}): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { accept, ...(body === undefined ? {} : { 'content-type': 'application/json' }) };
    const place = { agent, host: '127.0.0.1', port: server.port, path };
    const sent = request(
      { ...place, method: method ?? (body === undefined ? 'GET' : 'POST'), headers },
      resolve,
    );
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function ask(path: string, call?: Call): Promise<Answer> {
  const response = await open(path, call);
  const body = Buffer.concat(await response.toArray());
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

async function readBoth(path: string, accept = protobufType): Promise<void> {
  const json = await ask(path, { accept: accept.replaceAll('vnd.kubernetes.protobuf', 'json') });
  const binary = await ask(path, { accept });
  expect(binary.headers['content-type']).toBe(protobufType);
  expect(binary.status).toBe(json.status);
  // Some documents of discovery have none.
  const told = { apiVersion: '', ...(JSON.parse(json.body.toString(), typeless) as JsonObject) };
  expect(undated(withoutEmpty(readProtobuf(binary.body)))).toEqual(undated(withoutEmpty(told)));
}

/** The token with which a list goes on says when it began. */
function undated(document: unknown): unknown {
  const { metadata, ...rest } = document as { readonly metadata?: { readonly continue?: string } };
  if (metadata?.continue === undefined) return document;
  const token = JSON.parse(Buffer.from(metadata.continue, 'base64url').toString()) as JsonObject;
  return { ...rest, metadata: { ...metadata, continue: { ...token, at: 'some time' } } };
}

/** Items of a list have no kind of their own in protobuf. */
const typeless = (key: string, value: unknown): unknown =>
  key !== 'items' || !Array.isArray(value)
    ? value
    : value.map(({ kind: _kind, apiVersion: _version, ...item }: JsonObject) => item);

/** Reads frames of a watch until there are `count`, and leaves. */
async function readFrames(response: IncomingMessage, count: number): Promise<ProtobufEvent[]> {
  const frames: ProtobufEvent[] = [];
  let pending = Buffer.alloc(0);
  for await (const chunk of response as AsyncIterable<Buffer>) {
    const { events, rest } = readProtobufFrames(Buffer.concat([pending, chunk]));
    frames.push(...events);
    pending = Buffer.from(rest);
    if (frames.length >= count) break;
  }
  return frames;
}

const pod = {
  metadata: { name: 'web', labels: { b: '2', a: '1' }, annotations: { 'x/y': 'für "alle"' } },
  spec: {
    containers: [
      {
        ...{ name: 'c', image: 'nginx', ports: [{ containerPort: 80 }] },
        resources: { requests: { cpu: '250m', memory: '64Mi' } },
        livenessProbe: { httpGet: { port: 'http', path: '/' } },
        env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
      },
    ],
    volumes: [{ name: 'v', configMap: { name: 'settings', defaultMode: 0 } }],
    terminationGracePeriodSeconds: 0,
  },
};

beforeAll(async () => {
  server = await ApiServerProcess.start();
  const file = (name: string): Buffer => readFileSync(join(server.directory, 'pki', name));
  agent = new Agent({ ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key'), keepAlive: true });
  await ask('/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
  const created = await ask(pods, { body: pod });
  expect(created.status, String(created.body)).toBe(201);
  const scaled = {
    scaleTargetRef: { kind: 'Deployment', name: 'web', apiVersion: 'apps/v1' },
    maxReplicas: 5,
  };
  const target = { type: 'Utilization', averageUtilization: 70 };
  const metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  const scaler = await ask(scalers('v2'), {
    body: { metadata: { name: 'web' }, spec: { ...scaled, metrics } },
  });
  expect(scaler.status, String(scaler.body)).toBe(201);
  for (let at = 0; at < 700; at += 50)
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        ask(maps, {
          accept: 'application/json',
          body: { metadata: { name: `m-${at + i}` }, data: { b: 'x'.repeat(900), a: `${at + i}` } },
        }),
      ),
    );
});

afterAll(async () => {
  agent.destroy();
  await server.stop();
});

describe('a client that speaks protobuf', () => {
  it.each([
    [`${pods}/web`],
    [pods],
    [maps],
    [`${maps}?limit=3`],
    [`${maps}?labelSelector=no`],
    ['/api/v1/namespaces'],
    [`${pods}/web/status`],
    [`${pods}/nope`],
    ['/apis/apps/v1/deployments?resourceVersion=x'],
    ['/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin'],
    [scalers('v2')],
    [scalers('v1')],
    [`${scalers('v1')}/web`],
    ['/api'],
    ['/apis'],
    ['/apis/apps'],
    ['/apis/apps/v1'],
    ['/api/v1'],
    ['/api/v1/componentstatuses'],
    ['/api/v1/componentstatuses/etcd-0'],
    ['/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations'],
  ])('reads in %s what JSON says', async (path) => {
    await readBoth(path);
    await readBoth(path);
  });

  it.each(['v1', 'v1beta1'])('reads metadata alone, in %s', async (version) => {
    const as = (kind: string): string => `${protobufType};as=${kind};g=meta.k8s.io;v=${version}`;
    await readBoth(`${pods}/web`, as('PartialObjectMetadata'));
    await readBoth(maps, as('PartialObjectMetadataList'));
  });

  it('is told what its writes have made', async () => {
    const created = await ask(maps, { body: { metadata: { generateName: 'made-' }, data: { a: '1' } } });
    const { metadata, data } = readProtobuf(created.body) as { metadata: { name: string }; data: object };
    expect([created.status, created.headers['content-type']]).toEqual([201, protobufType]);
    expect(metadata.name).toMatch(/^made-.{5}$/);
    expect(data).toEqual({ a: '1' });
    const deleted = await ask(`${maps}/${metadata.name}`, { method: 'DELETE' });
    expect(readProtobuf(deleted.body)).toMatchObject({ kind: 'Status', status: 'Success' });
    const review = { spec: { resourceAttributes: { verb: 'get', resource: 'pods' } } };
    const answer = await ask('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body: review });
    expect(readProtobuf(answer.body)).toMatchObject({
      kind: 'SelfSubjectAccessReview',
      status: { allowed: true },
    });
    const token = await ask('/api/v1/namespaces/default/serviceaccounts/default/token', {
      body: { spec: {} },
    });
    expect(readProtobuf(token.body)).toMatchObject({
      kind: 'TokenRequest',
      status: { token: expect.any(String) },
    });
    const evicted = await ask(`${pods}/nope/eviction`, { body: { metadata: { name: 'nope' } } });
    expect(readProtobuf(evicted.body)).toMatchObject({ kind: 'Status', code: 404, reason: 'NotFound' });
  });

  it('is told in JSON of a kind that has no message', async () => {
    const path = '/apis/scheduling.x-k8s.io/v1alpha1/namespaces/default/podgroups';
    const list = await ask(path);
    expect([list.status, list.headers['content-type']]).toEqual([200, 'application/json']);
    const watch = await open(`${path}?watch=true&timeoutSeconds=1`);
    expect(watch.headers['content-type']).toBe('application/json');
    watch.destroy();
  });

  it('is told what it has deleted at once, in the form that it asks for', async () => {
    const selected = `${maps}?labelSelector=gone%3Dyes`;
    const body = { metadata: { generateName: 'gone-', labels: { gone: 'yes' } } };
    const deleteAs = async (accept: string): Promise<object> => {
      await ask(maps, { body });
      return readProtobuf((await ask(selected, { method: 'DELETE', accept })).body);
    };
    const one = [{ metadata: { labels: { gone: 'yes' } } }];
    expect(await deleteAs(protobufType)).toMatchObject({ kind: 'ConfigMapList', items: one });
    const metadata = `${protobufType};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1`;
    expect(await deleteAs(metadata)).toMatchObject({ kind: 'PartialObjectMetadataList', items: one });
    expect(readProtobuf((await ask(selected)).body)['items']).toBeUndefined();
  });

  it('takes what it ranks highest of what there is', async () => {
    const typeOf = async (accept: string): Promise<string | undefined> =>
      (await ask(`${pods}/web`, { accept })).headers['content-type'];
    expect(await typeOf(`application/json;q=0.5, ${protobufType}`)).toBe(protobufType);
    expect(await typeOf(`application/json, ${protobufType}`)).toBe('application/json');
    expect(await typeOf(`${protobufType};q=0.1, application/yaml;q=0.2`)).toBe('application/yaml');
    expect(await typeOf(`*/*, ${protobufType}`)).toBe(protobufType);
    expect(await typeOf('application/*')).toBe('application/json');
    const table = 'as=Table;g=meta.k8s.io;v=v1';
    expect(await typeOf(`${protobufType};${table}, application/json;${table}`)).toBe('application/json');
    const refused = await ask(`${pods}/web`, { accept: `${protobufType};${table}` });
    expect([refused.status, refused.headers['content-type']]).toEqual([406, 'application/json']);
    const failed = await ask(`${pods}/no`, { accept: `application/json;${table}, ${protobufType}` });
    expect([failed.status, failed.headers['content-type']]).toEqual([404, protobufType]);
  });
});

describe('a watch in protobuf', () => {
  const watched = `${maps}?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dwatched`;

  it('tells of the state, its end, and every change', async () => {
    const path = `${watched}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`;
    const response = await open(path);
    expect(response.headers['content-type']).toBe(`${protobufType};stream=watch`);
    const frames = readFrames(response, 4);
    await ask(maps, { body: { metadata: { name: 'watched' }, data: { a: '1' } } });
    await ask(`${maps}/watched`, {
      method: 'PUT',
      body: { metadata: { name: 'watched' }, data: { a: '2' } },
    });
    const last = readProtobuf((await ask(`${maps}/watched`)).body);
    await ask(`${maps}/watched`, { method: 'DELETE' });
    const [bookmark, added, modified, deleted] = await frames;
    const kind = 'ConfigMap';
    const annotations = { 'k8s.io/initial-events-end': 'true' };
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind, metadata: { annotations } } });
    expect(added).toMatchObject({ type: 'ADDED', object: { kind, data: { a: '1' } } });
    expect(modified).toEqual({ type: 'MODIFIED', object: last });
    expect(deleted).toMatchObject({ type: 'DELETED', object: { kind, data: { a: '2' } } });
  });

  it('tells of objects in the version that is asked for', async () => {
    const [first] = await readFrames(await open(`${scalers('v1')}?watch=true`), 1);
    const spec = { maxReplicas: 5, targetCPUUtilizationPercentage: 70 };
    expect(first).toMatchObject({ type: 'ADDED', object: { apiVersion: 'autoscaling/v1', spec } });
  });

  it('tells of metadata alone', async () => {
    const accept = `${protobufType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1`;
    const [first] = await readFrames(await open(`${pods}?watch=true`, { accept }), 1);
    const object = { kind: 'PartialObjectMetadata', metadata: { name: 'web' } };
    expect(first).toMatchObject({ type: 'ADDED', object });
    expect(first?.object['spec']).toBeUndefined();
  });

  it('tells why it cannot begin', async () => {
    const tooOld = (): Promise<IncomingMessage> => open(`${watched}&resourceVersion=1`);
    await eventually(async () => {
      const frames = await readFrames(await tooOld(), 1);
      expect(frames).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410 } }]);
    });
    const yaml = await ask(watched, { accept: 'application/yaml' });
    expect(yaml.status).toBe(406);
  });
});
