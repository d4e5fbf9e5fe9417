import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { Server as GrpcServer, type handleUnaryCall, ServerCredentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { events } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { grpcCheck } from '../../node-agent/probe/grpc-check.ts';
import { httpCheck } from '../../node-agent/probe/http-check.ts';
import { tcpCheck } from '../../node-agent/probe/tcp-check.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { eventually } from '../support/eventually.ts';
import { shellContainer, untilPod } from '../support/host-pods.ts';

async function portOf(server: Server, address = '127.0.0.1'): Promise<number> {
  server.listen(0, address);
  await once(server, 'listening');
  const bound = server.address() as AddressInfo;
  return bound.port;
}

const host = '127.0.0.1';
const timeoutMs = 500;

describe('a check over the network', () => {
  it('takes 200 to 399 for success and follows redirects on the same host', async () => {
    const server = createHttpServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/fine' });
      else if (request.url === '/away') response.writeHead(302, { location: 'http://192.0.2.1/' });
      else response.writeHead(request.url === '/bad' ? 503 : 200);
      if (request.url !== '/silent') response.end('body');
    });
    const port = await portOf(server);
    const get = (path: string) =>
      httpCheck(systemClock, { action: { port, path }, address: host, timeoutMs });
    expect(await get('/fine')).toEqual({ outcome: 'success', message: 'body' });
    expect((await get('moved')).outcome).toBe('success');
    const message = 'Probe terminated redirects, Response body: body';
    expect(await get('/away')).toEqual({ outcome: 'warning', message });
    expect(await get('/bad')).toEqual({
      outcome: 'failure',
      message: 'HTTP probe failed with statuscode: 503',
      httpStatus: 503,
    });
    expect((await get('/silent')).message).toContain('context deadline exceeded');
    server.closeAllConnections();
    server.close();
    expect((await get('/fine')).message).toContain('connect: connection refused');
  });

  it('takes an open port for success', async () => {
    const server = createServer();
    const port = await portOf(server);
    expect((await tcpCheck({ host, port, timeoutMs })).outcome).toBe('success');
    server.close();
    await once(server, 'close');
    expect(await tcpCheck({ host, port, timeoutMs })).toEqual({
      outcome: 'failure',
      message: `dial tcp ${host}:${port}: connect: connection refused`,
    });
  });

  it('asks the gRPC health service by name', async () => {
    const server = new GrpcServer();
    const check: handleUnaryCall<Buffer, Buffer> = ({ request }, answer) =>
      answer(null, Buffer.from([0x08, request.toString().includes('good') ? 1 : 2]));
    const same = (bytes: Buffer): Buffer => bytes;
    const method = {
      path: '/grpc.health.v1.Health/Check',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    };
    server.addService({ Check: method }, { Check: check });
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`${host}:0`, ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    expect(await grpcCheck(systemClock, { host, port, service: 'good', timeoutMs: 5_000 })).toEqual({
      outcome: 'success',
      message: 'service healthy',
    });
    expect(await grpcCheck(systemClock, { host, port, service: 'bad', timeoutMs: 5_000 })).toEqual({
      outcome: 'failure',
      message: 'service unhealthy (responded with "NOT_SERVING")',
    });
    server.forceShutdown();
    const failures = await Promise.all(
      [1, 2].map(() => grpcCheck(systemClock, { host, port, service: 'good', timeoutMs: 5_000 })),
    );
    // The same each time, so that the events of a probe that fails are one.
    const message = `timeout: failed to connect service "${host}:${port}" within 5s: context deadline exceeded`;
    expect(failures).toEqual([1, 2].map(() => ({ outcome: 'failure', message })));
  });
});

describe('the probes of a container', () => {
  let agent: AgentHost;

  beforeAll(async () => {
    agent = await startAgentHost();
  });

  afterAll(async () => {
    await agent[Symbol.asyncDispose]();
  });

  const until = (name: string, check: (pod: Pod) => boolean): Promise<Pod> =>
    untilPod(agent, name, check, 20_000);

  it('make it Ready when they pass, soon after', async () => {
    const script = 'sleep 1; touch /tmp/up; while true; do sleep 0.1; done';
    const probe = { exec: { command: ['ls', '/tmp/up'] }, periodSeconds: 10 };
    await agent.createPod('slow', {
      containers: [shellContainer(script, { startupProbe: probe, readinessProbe: probe })],
    });
    await until('slow', ({ status }) => status?.containerStatuses?.[0]?.state?.running !== undefined);
    const startedMs = performance.now();
    await until('slow', ({ status }) => status?.containerStatuses?.[0]?.ready === true);
    expect(performance.now() - startedMs).toBeLessThan(8_000);
  });

  it('tell of a redirect that leads away, and a hook is done when it is answered', async () => {
    await using server = createHttpServer((request, response) => {
      if (request.url === '/away') response.writeHead(302, { location: 'http://192.0.2.1/' });
      else response.writeHead(404);
      response.end();
    });
    const serverIp = agent.nodeIp.replace(/\d+$/, '1');
    const port = await portOf(server, serverIp);
    const script = 'while true; do sleep 0.1; done';
    await agent.createPod('led-away', {
      containers: [
        shellContainer(script, {
          readinessProbe: { httpGet: { host: serverIp, port, path: '/away' } },
          lifecycle: { postStart: { httpGet: { host: serverIp, port, path: '/hook' } } },
        }),
      ],
    });
    const { status } = await until('led-away', (pod) => pod.status?.containerStatuses?.[0]?.ready === true);
    expect(status?.containerStatuses?.[0]?.restartCount).toBe(0);
    await eventually(async () => {
      const { items } = await agent.client.list(events, { namespace: 'default' });
      expect(items.map(({ reason, message }) => `${reason} ${message}`)).toContain(
        'ProbeWarning Readiness probe warning: Probe terminated redirects, Response body: ',
      );
    });
  });

  it('restart it when it is dead', async () => {
    const script = 'while true; do sleep 0.1; done';
    const livenessProbe = { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 2 };
    await agent.createPod('dead', { containers: [shellContainer(script, { livenessProbe })] });
    await until('dead', ({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
    await eventually(async () => {
      const { items } = await agent.client.list(events, { namespace: 'default' });
      const texts = items.map(({ reason, message }) => `${reason} ${message}`);
      expect(texts).toContain('Killing Container main failed liveness probe, will be restarted');
      expect(texts.some((text) => text.startsWith('Unhealthy Liveness probe failed:'))).toBe(true);
    });
  });
});
