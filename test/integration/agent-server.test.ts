import { readdirSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Pod } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { eventually } from '../support/eventually.ts';
import { shellContainer, untilPod } from '../support/host-pods.ts';

let host: AgentHost;
let agent: Agent;

beforeAll(async () => {
  host = await startAgentHost();
  const { ca, admin } = host.pki;
  agent = new Agent({ ca: ca.certPem, cert: admin.cert, key: admin.key });
});

afterAll(async () => {
  agent.destroy();
  await host[Symbol.asyncDispose]();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

function get(
  path: string,
  through: Agent = agent,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: host.nodeIp, port: 10_250, path, agent: through, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      );
    });
    asked.on('error', reject);
    asked.end();
  });
}

async function startPod(name: string, script: string, more: Partial<Pod['spec']> = {}): Promise<Pod> {
  await host.createPod(name, { containers: [shellContainer(script)], ...more });
  return untilPod(host, name, ({ status }) => ['Running', 'Succeeded'].includes(status?.phase ?? ''));
}

interface Stream {
  readonly socket: WebSocket;
  /** Text of each channel so far. */
  readonly texts: Map<number, string>;
  readonly closed: Promise<void>;
}

function open(path: string, protocol = 'v5.channel.k8s.io'): Promise<Stream> {
  const { ca, admin } = host.pki;
  const socket = new WebSocket(`wss://${host.nodeIp}:10250${path}`, [protocol], {
    ca: ca.certPem,
    cert: admin.cert,
    key: admin.key,
  });
  const texts = new Map<number, string>();
  socket.on('message', (data: Buffer) => {
    const channel = data[0] ?? -1;
    texts.set(channel, (texts.get(channel) ?? '') + data.subarray(1).toString());
  });
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ socket, texts, closed }));
    socket.on('error', reject);
  });
}

const command = (...words: string[]): string =>
  words.map((word) => `command=${encodeURIComponent(word)}`).join('&');
const endless = 'trap "exit 0" TERM; while true; do sleep 0.1; done';

describe("the agent's server", () => {
  it('answers nobody without the right certificate', async () => {
    const stranger = new Agent({ ca: host.pki.caPem });
    expect(await get('/pods', stranger)).toEqual({ status: 401, body: 'Unauthorized' });
    stranger.destroy();
    expect(await get('/healthz')).toEqual({ status: 200, body: 'ok' });
  });

  it('lets in who has the right to the Node, by token or certificate, and tells others what they lack', async () => {
    const { client, nodeIp, pki } = host;
    const rbac = (plural: string): string => `/apis/rbac.authorization.k8s.io/v1/${plural}`;
    const post = async (path: string, body: object): Promise<string> => {
      const headers = { 'content-type': 'application/json' };
      const answer = await client.request({ method: 'POST', path, headers, body: JSON.stringify(body) });
      expect(answer.status).toBe(201);
      return answer.body.toString();
    };
    const apiVersion = 'rbac.authorization.k8s.io/v1';
    const rules = [{ apiGroups: [''], resources: ['nodes/metrics'], verbs: ['get'] }];
    await post(rbac('clusterroles'), {
      apiVersion,
      kind: 'ClusterRole',
      metadata: { name: 'scrapes' },
      rules,
    });
    const account = { kind: 'ServiceAccount', namespace: 'default', name: 'prometheus' };
    await post('/api/v1/namespaces/default/serviceaccounts', {
      ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'prometheus' } },
    });
    await post(rbac('clusterrolebindings'), {
      ...{ apiVersion, kind: 'ClusterRoleBinding', metadata: { name: 'scrapes' } },
      ...{ roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'scrapes' } },
      subjects: [account],
    });
    const issued = await post('/api/v1/namespaces/default/serviceaccounts/prometheus/token', {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} },
    });
    const { status } = JSON.parse(issued) as { readonly status: { readonly token: string } };
    const through = new Agent({ ca: pki.caPem });
    const bearer = { authorization: `Bearer ${status.token}` };
    expect((await get('/metrics', through, bearer)).status).toBe(200);
    const name = 'system:serviceaccount:default:prometheus';
    expect(await get('/pods', through, bearer)).toEqual({
      status: 403,
      body: `Forbidden (user=${name}, verb=get, resource=nodes, subresource(s)=[pods proxy])\n`,
    });
    expect(await get('/metrics', through, { authorization: 'Bearer wrong' })).toMatchObject({ status: 401 });
    through.destroy();
    // Another node's certificate is of the same authority.
    const other = await pki.ca.issue({ commonName: 'system:node:host-2', organizations: ['system:nodes'] });
    const captured = new Agent({ ca: pki.caPem, ...other });
    expect(await get('/containerLogs/default/none/main', captured)).toEqual({
      status: 403,
      body: 'Forbidden (user=system:node:host-2, verb=get, resource=nodes, subresource(s)=[proxy])\n',
    });
    captured.destroy();
    const socket = new WebSocket(`wss://${nodeIp}:10250/exec/default/none/main?command=sh`, {
      ...{ ca: pki.caPem, headers: bearer },
    });
    const refused = await new Promise<string>((resolve) => {
      socket.on('error', ({ message }) => resolve(message));
    });
    expect(refused).toBe('Unexpected server response: 403');
  });

  it('shows the log: whole, its end, with times, cut and of the instance before', async () => {
    await startPod('talks', `for i in 1 2 3; do echo line $i; done; echo oops >&2; ${endless}`);
    const whole = 'line 1\nline 2\nline 3\noops\n';
    await eventually(async () => expect((await get('/containerLogs/default/talks/main')).body).toBe(whole));
    expect((await get('/containerLogs/default/talks/main?tailLines=2')).body).toBe('line 3\noops\n');
    expect((await get('/containerLogs/default/talks/main?tailLines=0')).body).toBe('');
    expect((await get('/containerLogs/default/talks/main?limitBytes=3')).body).toBe('lin');
    expect((await get('/containerLogs/default/talks/main?stream=Stderr')).body).toBe('oops\n');
    const timed = await get('/containerLogs/default/talks/main?timestamps=true&tailLines=1');
    expect(timed.body).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+\S* oops\n$/);
    expect((await get('/containerLogs/default/talks/main?sinceTime=2099-01-01T00:00:00Z')).body).toBe('');
    expect(await get('/containerLogs/default/talks/main?previous=true')).toEqual({
      status: 400,
      body: 'previous terminated container "main" in pod "talks" not found',
    });
    expect((await get('/containerLogs/default/none/main')).status).toBe(404);
  });

  it('follows a log until the container has ended', async () => {
    await startPod('counts', 'for i in 1 2 3 4 5; do echo $i; sleep 0.2; done', { restartPolicy: 'Never' });
    const startedMs = performance.now();
    const { body } = await get('/containerLogs/default/counts/main?follow=true');
    expect(body).toBe('1\n2\n3\n4\n5\n');
    expect(performance.now() - startedMs).toBeLessThan(5_000);
  });

  it('loses no line to a follower when the log is rotated, and keeps no more files than it may', async () => {
    // Full within two seconds, and the agent looks each second: it is rotated several times while the container runs.
    const lineCount = 300;
    const padding = 'x'.repeat(200);
    const { metadata } = await startPod(
      'long',
      `i=0; while [ $i -lt ${lineCount} ]; do i=$((i+1)); echo line $i of many ${padding}; sleep 0.02; done`,
      { restartPolicy: 'Never' },
    );
    const { body } = await get('/containerLogs/default/long/main?follow=true');
    const lines = Array.from({ length: lineCount }, (_, index) => `line ${index + 1} of many ${padding}`);
    expect(body.trim().split('\n')).toEqual(lines);
    const files = readdirSync(
      join(host.directory, 'state/logs/pods', `default_long_${metadata.uid}`, 'main'),
    );
    expect(files.length).toBeGreaterThan(1);
    expect(files.length).toBeLessThanOrEqual(3);
  }, 60_000);

  it('runs commands with separate streams and tells how they ended', async () => {
    await startPod('exec', endless);
    const path = `/exec/default/exec/main?stdout=true&stderr=true&${command('sh', '-c', 'echo out; echo err >&2; exit 3')}`;
    const stream = await open(path);
    await stream.closed;
    expect(stream.texts.get(1)).toBe('out\n');
    expect(stream.texts.get(2)).toBe('err\n');
    expect(JSON.parse(stream.texts.get(3) ?? '{}')).toMatchObject({
      status: 'Failure',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '3' }] },
    });
  });

  it('hands input on, up to its end, and gives a terminal its size', async () => {
    const piped = await open(`/exec/default/exec/main?stdin=true&stdout=true&${command('cat')}`);
    piped.socket.send(Buffer.from('\0hello'));
    piped.socket.send(Buffer.from([255, 0]));
    await piped.closed;
    expect(piped.texts.get(1)).toBe('hello');
    expect(JSON.parse(piped.texts.get(3) ?? '{}')).toMatchObject({ status: 'Success' });
    const terminal = await open(
      `/exec/default/exec/main?stdin=true&stdout=true&tty=true&${command('sh')}`,
      'v4.channel.k8s.io',
    );
    terminal.socket.send(Buffer.from('\x04{"Width":91,"Height":33}'));
    await eventually(() => {
      terminal.socket.send(Buffer.from('\0stty size\n'));
      expect(terminal.texts.get(1)).toContain('33 91');
    });
    terminal.socket.close();
    await terminal.closed;
  });

  it('gives a command the size that its client sends first', async () => {
    const wait = 'until [ "$(stty size)" = "33 91" ]; do sleep 0.01; done; echo sized';
    const path = `/exec/default/exec/main?stdout=true&tty=true&${command('sh', '-c', wait)}`;
    const quick = await open(path, 'v4.channel.k8s.io');
    quick.socket.send(Buffer.from('\x04{"Width":91,"Height":33}'));
    await quick.closed;
    expect(quick.texts.get(1)).toBe('sized\r\n');
  });

  it('attaches to the main process', async () => {
    await startPod('attached', `while true; do echo tick; sleep 0.1; done`);
    const stream = await open('/attach/default/attached/main?stdout=true');
    await eventually(() => expect(stream.texts.get(1)).toContain('tick\n'));
    stream.socket.close();
    await stream.closed;
    const pod = await host.client.get(pods, { namespace: 'default', name: 'attached' });
    expect(pod.status?.containerStatuses?.[0]?.restartCount).toBe(0);
  });

  it("reaches a port on the pod's loopback, and says why it cannot", async () => {
    await startPod('ports', 'exec socat TCP-LISTEN:7000,bind=127.0.0.1,fork PIPE');
    await eventually(async () => {
      const stream = await open('/portForward/default/ports?port=7000', 'v4.channel.k8s.io');
      stream.socket.send(Buffer.from('\0ping'));
      await eventually(() => expect(stream.texts.get(0)?.slice(2)).toBe('ping'), 2_000);
      stream.socket.close();
      await stream.closed;
    });
    const refused = await open('/portForward/default/ports?port=7001', 'v4.channel.k8s.io');
    await refused.closed;
    expect(refused.texts.get(1)?.slice(2)).toMatch(
      /^error forwarding port 7001 to pod ports, uid \S+: dial tcp4 127\.0\.0\.1:7001: connect: connection refused$/,
    );
  });

  it('refuses a stream to what is not there as plain HTTP', async () => {
    await expect(open(`/exec/default/none/main?stdout=true&${command('true')}`)).rejects.toThrow('404');
  });

  it('shows pods, usage and metrics', async () => {
    const list = JSON.parse((await get('/pods')).body);
    expect(list.kind).toBe('PodList');
    const summary = JSON.parse((await get('/stats/summary')).body);
    expect(summary.node.nodeName).toBe(host.nodeName);
    const exec = summary.pods.find((pod: { podRef: { name: string } }) => pod.podRef.name === 'exec');
    expect(exec.containers[0].memory.workingSetBytes).toBeGreaterThan(0);
    expect((await get('/metrics')).body).toMatch(/^kubelet_running_pods [1-9]/m);
  });
});
