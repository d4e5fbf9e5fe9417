import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';

const maps = '/api/v1/namespaces/default/configmaps';
let server: ApiServerProcess;
let agent: Agent;
let sessions: ClientHttp2Session[];

async function start(shutdownDelay: string): Promise<void> {
  server = await ApiServerProcess.start({ flags: [`--shutdown-delay-duration=${shutdownDelay}`] });
  agent = new Agent({ ...tls(), keepAlive: true });
  sessions = [];
}

async function stop(): Promise<void> {
  agent.destroy();
  for (const session of sessions) session.destroy();
  await server.stop();
}

beforeEach(() => start('700ms'));
afterEach(stop);

function tls(): { ca: Buffer; cert: Buffer; key: Buffer } {
  const file = (name: string): Buffer => readFileSync(join(server.directory, 'pki', name));
  return { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
}

function ask(path: string, body?: object): Promise<{ status: number; text: string; connection: string }> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? 'GET' : 'POST';
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const place = { agent, host: '127.0.0.1', port: server.port, path };
    const sent = request({ ...place, method, headers }, async (response) => {
      const text = Buffer.concat(await response.toArray()).toString();
      resolve({ status: response.statusCode ?? 0, text, connection: response.headers.connection ?? '' });
    });
    sent.once('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function openSession(): ClientHttp2Session {
  const session = connect(`https://127.0.0.1:${server.port}`, tls());
  session.on('error', () => undefined);
  sessions.push(session);
  return session;
}

it('tells what it does under the names that operators know', async () => {
  expect((await ask(maps, { metadata: { name: 'counted' } })).status).toBe(201);
  expect((await ask(`${maps}/counted`)).status).toBe(200);
  expect((await ask(`${maps}/missing`)).status).toBe(404);
  const watch = openSession().request({ ':path': `${maps}?watch=true&resourceVersion=0` });
  let events = '';
  watch.on('data', (chunk: Buffer) => {
    events += chunk.toString();
  });
  await eventually(() => expect(events).toContain('counted'));
  const { text } = await ask('/metrics');
  const place = 'component="apiserver",group="",version="v1",resource="configmaps",subresource=""';
  const lines = [
    `apiserver_request_total{${place},scope="resource",verb="POST",dry_run="",code="201"} 1`,
    `apiserver_request_total{${place},scope="resource",verb="GET",dry_run="",code="200"} 1`,
    `apiserver_request_total{${place},scope="resource",verb="GET",dry_run="",code="404"} 1`,
    `apiserver_request_duration_seconds_count{${place},scope="resource",verb="POST",dry_run=""} 1`,
    `apiserver_response_sizes_count{${place},scope="resource",verb="GET"} 2`,
    `apiserver_longrunning_requests{${place},scope="namespace",verb="WATCH"} 1`,
    'apiserver_current_inflight_requests{request_kind="readOnly"} 1',
    // The server itself keeps one that says whom it believes.
    'etcd_request_duration_seconds_count{operation="create",type="configmaps"} 2',
    'apiserver_storage_objects{resource="configmaps"} 2',
    'apiserver_resource_objects{group="scheduling.k8s.io",resource="priorityclasses"} 2',
  ];
  for (const line of lines) expect(text.split('\n')).toContain(line);
  expect(text).toMatch(/^apiserver_watch_events_total\{group="",resource="configmaps"\} [1-9]/m);
  expect(text).toMatch(/^nodejs_eventloop_lag_p999_seconds \d/m);
  for (const line of text.split('\n').filter((each) => each !== '' && !each.startsWith('#')))
    expect(line).toMatch(/^[a-z_:][a-z0-9_:]*(\{.*\})? [-+0-9.eInf]+$/);
});

it('says that the range of services is ready', async () => {
  const { text } = await ask('/apis/networking.k8s.io/v1/servicecidrs/kubernetes');
  expect(JSON.parse(text).status.conditions).toMatchObject([{ type: 'Ready', status: 'True' }]);
});

it('answers checks one by one, without its reasons, and without what is excluded', async () => {
  expect(await ask('/livez/etcd')).toMatchObject({ status: 200, text: 'ok' });
  expect(await ask('/readyz/poststarthook/rbac/bootstrap-roles')).toMatchObject({ status: 200, text: 'ok' });
  const { text } = await ask('/readyz?verbose&exclude=etcd');
  expect(text).toContain('[+]etcd excluded: ok\n');
  expect(text).toContain('[+]shutdown ok\n');
  expect(text).toMatch(/readyz check passed\n$/);
});

it('ends in order: not ready first, then watches, requests under way, connections', async () => {
  // What it does until then is asked one after the other, by a test that may be held up.
  await stop();
  await start('5s');
  const session = openSession();
  let goaway = false;
  session.on('goaway', () => {
    goaway = true;
  });
  const watch = session.request({ ':path': `${maps}?watch=true` });
  const outcome = new Promise<string>((resolve) => {
    watch.once('end', () => resolve('ended'));
    watch.once('error', (error) => resolve(String(error)));
  });
  watch.resume();
  await new Promise((resolve) => watch.once('response', resolve));
  process.kill(server.pid() ?? 0, 'SIGTERM');
  await eventually(async () => {
    const ready = await ask('/readyz');
    expect(ready).toMatchObject({ status: 500 });
    expect(ready.text).toContain('[-]shutdown failed: reason withheld\n');
  });
  // As long as others may still look for it, it serves on.
  expect((await ask(maps)).status).toBe(200);
  expect((await ask('/livez')).status).toBe(200);
  expect(goaway).toBe(false);
  expect(await outcome).toBe('ended');
  await eventually(() => expect(goaway).toBe(true));
  await eventually(() => expect(server.exitCode()).toBe(0));
});

it('answers what is under way at its end', async () => {
  const data = { filler: 'x'.repeat(500_000) };
  for (let index = 0; index < 20; index += 1)
    expect((await ask(maps, { metadata: { name: `large-${index}` }, data })).status).toBe(201);
  const slow = openSession().request({ ':path': maps });
  await new Promise((resolve) => slow.once('response', resolve));
  process.kill(server.pid() ?? 0, 'SIGTERM');
  await eventually(async () => {
    await expect(ask('/livez')).rejects.toThrow();
  });
  const body = Buffer.concat(await slow.toArray());
  expect(JSON.parse(body.toString()).items).toHaveLength(20);
  await eventually(() => expect(server.exitCode()).toBe(0));
});
