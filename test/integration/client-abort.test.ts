import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { configmaps } from '../../api/generated/resources.ts';
import { type Clock, systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { isTransportError } from '../../client/transport-error.ts';
import { CertificateAuthority } from '../../deploy/pki.ts';
import { eventually } from '../support/eventually.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** As the client has it. */
const handshakeDeadlineMs = 8_000;

let server: http2.Http2Server;
let clock: ManualClock;
let client: ClosableApiClient;
let port: number;
/** Paths of the requests that arrived; none is answered. */
let asked: string[];

beforeEach(async () => {
  asked = [];
  server = http2.createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => undefined);
    asked.push(headers[':path'] ?? '');
  });
  await listen(0);
  port = (server.address() as AddressInfo).port;
  clock = new ManualClock();
  const config = { server: `http://127.0.0.1:${port}` };
  client = createApiClient({ config, clock, logger: silentLogger, userAgent: 'test' });
});
afterEach(async () => {
  client.close();
  await stopListening();
});

async function listen(at: number): Promise<void> {
  server.listen(at, '127.0.0.1');
  await once(server, 'listening');
}

function stopListening(): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

it('a watch that is aborted while it waits for a server ends, though another request has found one', async () => {
  await stopListening();
  const abort = new AbortController();
  const watching = client.watch(configmaps, {}, abort.signal)[Symbol.asyncIterator]().next();
  // The first attempt has failed; the second is due when the clock moves, which it does not.
  await eventually(() => expect(clock.pendingTimers).toBe(1));
  await listen(port);
  const other = client.request({ method: 'GET', path: '/other' });
  await eventually(() => expect(asked).toEqual(['/other']));
  abort.abort();
  expect(await watching).toEqual({ done: true, value: undefined });
  expect(asked).toEqual(['/other']);
  client.close();
  await expect(other).rejects.toSatisfy(isTransportError);
});

it('a connection that is given up in the moment in which it stands is made anew', async () => {
  let attempts = 0;
  const hasty: Clock = {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs(),
    setImmediate: (run) => systemClock.setImmediate(run),
    setTimer(delayMs, run, options) {
      const timer = systemClock.setTimer(delayMs, run, options);
      const isDeadline = delayMs === handshakeDeadlineMs;
      return {
        cancel() {
          timer.cancel();
          if (!isDeadline) return;
          attempts += 1;
          if (attempts === 1) run();
        },
      };
    },
  };
  const config = { server: `http://127.0.0.1:${port}` };
  const other = createApiClient({ config, clock: hasty, logger: silentLogger, userAgent: 'test' });
  const request = other.request({ method: 'GET', path: '/anew' });
  await eventually(() => expect(asked).toEqual(['/anew']));
  expect(attempts).toBeGreaterThan(1);
  other.close();
  await expect(request).rejects.toSatisfy(isTransportError);
});

it('a request that is aborted before it begins is not sent', async () => {
  const other = client.request({ method: 'GET', path: '/other' });
  await eventually(() => expect(asked).toEqual(['/other']));
  const late = client.request({ method: 'POST', path: '/late', signal: AbortSignal.abort() });
  await expect(late).rejects.toSatisfy(isTransportError);
  expect(asked).toEqual(['/other']);
  client.close();
  await expect(other).rejects.toSatisfy(isTransportError);
});

it('a connection is found behind six silent servers of the address: attempts go on', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-silent-'));
  const authority = await CertificateAuthority.open(directory);
  const { cert, key } = await authority.issue({ commonName: 'kube-apiserver', hosts: ['127.0.0.1'] });
  const speaking = http2.createSecureServer({ cert, key }, (_request, response) => response.end('found'));
  const accepted: Socket[] = [];
  // As the kernel does for servers that share a port: each connection goes to one of them.
  const address = createServer((socket) => {
    socket.on('error', () => undefined);
    if (accepted.push(socket) > 6) speaking.emit('connection', socket);
  });
  address.listen(0, '127.0.0.1');
  await once(address, 'listening');
  const config = {
    server: `https://127.0.0.1:${(address.address() as AddressInfo).port}`,
    ca: authority.certPem,
  };
  const finding = createApiClient({ config, clock, logger: silentLogger, userAgent: 'test' });
  try {
    const answer = finding.request({ method: 'GET', path: '/found' });
    for (let count = 1; count <= 6; count += 1) {
      await eventually(() => expect(accepted).toHaveLength(count));
      await clock.advance(700);
    }
    expect((await answer).body.toString()).toBe('found');
  } finally {
    finding.close();
    for (const socket of accepted) socket.destroy();
    address.close();
    rmSync(directory, { recursive: true, force: true });
  }
});
