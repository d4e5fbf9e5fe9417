/** What bounds strangers at the ports of a node, on real sockets. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { CertificateAuthority } from '../../deploy/pki.ts';
import { DnsConnections, maxTcpConnectionsPerAddress } from '../../node-agent/guard/dns-connections.ts';
import { type AgentServerContext, runAgentServer } from '../../node-agent/server/agent-server.ts';
import { RequestError } from '../../node-agent/server/log-query.ts';
import { NodeAccess } from '../../node-agent/server/node-access.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { ManualClock } from '../support/manual-clock.ts';

const closed = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let said = '';
    socket.on('data', (chunk) => {
      said += chunk.toString('latin1');
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(said));
  });

describe("the agent's port", () => {
  const directory = mkdtempSync(join(tmpdir(), 'coracle-agent-limits-'));
  const stopping = new AbortController();
  const limits = { headMs: 500, requestMs: 1_000, connections: 40, connectionsPerAddress: 8 };
  let port: number;
  let running: Promise<void>;

  beforeAll(async () => {
    const ca = await CertificateAuthority.open(directory);
    const pair = await ca.issue({ commonName: 'host-1', hosts: ['127.0.0.1'] });
    const file = (name: string, text: string): string => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    const flags = {
      tlsCertFile: file('serving.crt', pair.cert),
      tlsPrivateKeyFile: file('serving.key', pair.key),
      clientCaFile: file('clients.crt', ca.certPem),
    };
    const client = { request: () => Promise.reject(new RequestError(500, 'nobody to ask')) };
    const common = { clock: systemClock, logger: silentLogger };
    const access = new NodeAccess({ nodeName: 'host-1', client, ...common });
    port = await freePort();
    // Strangers reach nothing else of it.
    const context = { access, ...common } as AgentServerContext;
    running = runAgentServer({ ...flags, port }, context, stopping.signal, limits);
    await eventually(async () => void (await open()).destroy());
  });
  afterAll(async () => {
    stopping.abort();
    await running;
    rmSync(directory, { recursive: true, force: true });
  });

  const open = (from = '127.0.0.1'): Promise<TLSSocket> =>
    new Promise((resolve, reject) => {
      const socket = connectTls({ socket: raw(from), rejectUnauthorized: false });
      socket.once('secureConnect', () => resolve(socket));
      socket.once('error', reject);
    });
  const raw = (from: string): Socket => connect({ host: '127.0.0.1', port, localAddress: from });
  const dripping = (socket: Socket, text: string): Promise<string> => {
    const pieces = [...text];
    const drip = setInterval(() => socket.writable && socket.write(pieces.shift() ?? 'x'), 50);
    return closed(socket).finally(() => clearInterval(drip));
  };

  test('waits for nobody who is slow: handshake, nothing, a head, a body', async () => {
    const silent = closed(raw('127.0.0.2'));
    const idle = closed(await open('127.0.0.2'));
    const head = dripping(await open('127.0.0.2'), 'GET /metrics HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    const stuck = await open('127.0.0.2');
    stuck.write('POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
    const body = dripping(stuck, '');
    expect(await silent).toBe('');
    expect(await idle).toMatch(/^(HTTP\/1\.1 408|$)/);
    expect(await head).toMatch(/^HTTP\/1\.1 408/);
    expect(await body).toMatch(/^HTTP\/1\.1 (401|408)/);
  });

  test('reads no head without end, and begins nothing for a stranger', async () => {
    const long = await open('127.0.0.2');
    const told = closed(long);
    long.write(`GET /metrics HTTP/1.1\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`);
    expect(await told).toMatch(/^HTTP\/1\.1 431/);
    const upgrade = await open('127.0.0.2');
    const refused = closed(upgrade);
    const asked = 'GET /exec/default/a/b?command=sh HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n';
    upgrade.write(`${asked}Upgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
    expect(await refused).toMatch(/^HTTP\/1\.1 401 Unauthorized/);
    const tunnel = await open('127.0.0.2');
    const shut = closed(tunnel);
    tunnel.write('CONNECT 10.244.0.2:80 HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(await shut).toMatch(/^HTTP\/1\.1 401 Unauthorized/);
  });

  test('is not filled by one address', async () => {
    const mine = Array.from({ length: limits.connectionsPerAddress }, () => raw('127.0.0.3'));
    await Promise.all(mine.map((socket) => new Promise((resolve) => socket.once('connect', resolve))));
    expect(await closed(raw('127.0.0.3'))).toBe('');
    const other = await open('127.0.0.4');
    other.destroy();
    for (const socket of mine) socket.destroy();
    await eventually(async () => void (await open('127.0.0.3')).destroy());
  });
});

describe("the guard's DNS over TCP", () => {
  const clock = new ManualClock();
  const answer = Buffer.alloc(60_000);
  const connections = new DnsConnections({ clock, answer: (_message, reply) => reply(answer) });
  const server = createServer((socket) => connections.accept(socket));
  let port: number;
  const query = Buffer.from([0, 2, 1, 1]);

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = server.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
  });
  afterAll(() => {
    connections.closeAll();
    server.close();
  });
  const open = (from: string): Promise<Socket> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, localAddress: from }, () => resolve(socket));
      socket.once('error', reject);
    });
  const answered = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      let bytes = 0;
      const count = (chunk: Buffer): void => {
        bytes += chunk.length;
        if (bytes < answer.length + 2) return;
        socket.off('data', count);
        resolve();
      };
      socket.on('data', count);
      socket.write(query);
    });

  test('ends who sends single bytes, and not who asks again', async () => {
    const [asks, drips] = await Promise.all([open('127.0.0.2'), open('127.0.0.2')]);
    await Promise.all([answered(asks), answered(drips)]);
    const ended = closed(drips);
    await clock.advance(6_000);
    drips.write(query.subarray(0, 1));
    await answered(asks);
    await clock.advance(6_000);
    expect(await ended).toBe('');
    await answered(asks);
    asks.destroy();
  });

  test('ends who asks and never reads', async () => {
    const greedy = await open('127.0.0.2');
    greedy.pause();
    const ended = new Promise<void>((resolve) => {
      greedy.on('error', () => resolve());
      greedy.on('close', () => resolve());
    });
    // Far more answers than the kernel and the guard keep for anybody.
    const flood = setInterval(() => greedy.writable && greedy.write(Buffer.concat(Array(50).fill(query))), 5);
    await ended.finally(() => clearInterval(flood));
    const other = await open('127.0.0.2');
    await answered(other);
    other.destroy();
  });

  test('is not filled by one address', async () => {
    const mine: Socket[] = [];
    for (let at = 0; at < maxTcpConnectionsPerAddress; at += 1) mine.push(await open('127.0.0.3'));
    expect(await closed(await open('127.0.0.3'))).toBe('');
    const other = await open('127.0.0.4');
    await answered(other);
    for (const socket of [...mine, other]) socket.destroy();
  });
});
