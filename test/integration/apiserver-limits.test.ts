import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ApiServerProcess } from '../support/api-server-process.ts';

/** What waits for ten seconds is tried side by side. */
const patienceMs = 25_000;
let server: ApiServerProcess;
let tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };

beforeAll(async () => {
  server = await ApiServerProcess.start();
  const file = (name: string): Buffer => readFileSync(join(server.directory, 'pki', name));
  tls = { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
});
afterAll(() => server.stop());

function secureSocket(protocol: 'http/1.1' | 'h2'): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const options = { ...tls, host: '127.0.0.1', port: server.port, ALPNProtocols: [protocol] };
    const socket = connectTls(options, () => resolve(socket));
    socket.once('error', reject);
  });
}

/** What the server says until it closes the connection. */
function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  return new Promise((resolve) => socket.once('close', () => resolve(text)));
}

function session(): http2.ClientHttp2Session {
  const opened = http2.connect(`https://127.0.0.1:${server.port}`, tls);
  opened.on('error', () => undefined);
  return opened;
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Status 0: the stream was reset. */
function ask(
  via: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: string,
): Promise<Answer> {
  return new Promise((resolve) => {
    const stream = via.request({ ':path': '/version', ...headers }, { endStream: body === undefined });
    let status = 0;
    let text = '';
    stream.once('response', (head) => {
      status = Number(head[':status']);
    });
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    stream.on('error', () => undefined);
    stream.once('close', () => resolve({ status, body: text }));
    if (body !== undefined) stream.write(body);
  });
}

describe.concurrent('who is slow is not waited for', () => {
  test('at the handshake', { timeout: patienceMs }, async () => {
    const socket = connectTcp(server.port, '127.0.0.1');
    expect(await untilClosed(socket)).toBe('');
  });

  test('at the head of a request', { timeout: patienceMs }, async () => {
    const socket = await secureSocket('http/1.1');
    socket.write('GET /version HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('at the body of a request over HTTP/1.1, and is told so', { timeout: patienceMs }, async () => {
    const socket = await secureSocket('http/1.1');
    socket.write('POST /api/v1/namespaces HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{');
    const said = await untilClosed(socket);
    expect(said).toMatch(/^HTTP\/1\.1 408 /);
    expect(said).toContain('the body of the request did not arrive within 10.002s');
  });

  test('at the body of a request over HTTP/2, whose connection lives on', {
    timeout: patienceMs,
  }, async () => {
    const via = session();
    const headers = { ':method': 'POST', ':path': '/api/v1/namespaces', 'content-length': 100 };
    expect((await ask(via, headers, '{')).status).toBe(408);
    expect((await ask(via, {})).status).toBe(200);
    via.destroy();
  });
});

describe('heads that are too large are refused', () => {
  test('over HTTP/1.1 with 431', async () => {
    const socket = await secureSocket('http/1.1');
    socket.write(`GET /version HTTP/1.1\r\nHost: a\r\nX-Large: ${'a'.repeat(100_000)}\r\n\r\n`);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test.each([
    ['in bytes', { 'x-large': 'a'.repeat(60_000), 'x-larger': 'a'.repeat(60_000) }],
    ['in fields', Object.fromEntries(Array.from({ length: 300 }, (_, nth) => [`x-${nth}`, 'a']))],
  ])('over HTTP/2, %s', async (_what, headers) => {
    const via = session();
    expect((await ask(via, headers)).status).not.toBe(200);
    via.destroy();
    const another = session();
    expect((await ask(another, {})).status).toBe(200);
    another.destroy();
  });

  test('and bodies, with 413', async () => {
    const via = session();
    const headers = { ':method': 'POST', ':path': '/api/v1/namespaces', 'content-length': 4_000_000 };
    expect((await ask(via, headers, '{')).status).toBe(413);
    via.destroy();
  });
});

const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

/** @see RFC 9113, section 4.1 */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
const settings = frame(4, 0, 0, Buffer.alloc(0));
const ping = frame(6, 0, 0, Buffer.alloc(8));
const headers = frame(1, 0, 1, Buffer.from([0x82]));
const continuation = frame(9, 0, 1, Buffer.from([0x84]));

describe('a connection that is abused is closed, and others live on', () => {
  test.each([
    ['pings that nobody reads the answers to', ping, 200_000],
    ['settings that nobody reads the answers to', settings, 200_000],
    [
      'continuations without an end',
      Buffer.concat([headers, ...Array.from({ length: 20 }, () => continuation)]),
      1,
    ],
  ])('by %s', async (_what, piece, count) => {
    const socket = await secureSocket('h2');
    socket.on('error', () => undefined);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.pause();
    socket.write(Buffer.concat([Buffer.from(preface), settings]));
    // Nothing is read until the server has taken it all, or has closed the connection.
    socket.write(Buffer.concat(Array.from({ length: count }, () => piece)), () => socket.resume());
    await closed;
    const via = session();
    expect((await ask(via, {})).status).toBe(200);
    via.destroy();
  });

  test('by requests that are taken back at once', async () => {
    const socket = await secureSocket('h2');
    const closed = untilClosed(socket);
    socket.write(Buffer.concat([Buffer.from(preface), settings]));
    // GET https://a/ and its cancellation.
    const head = Buffer.from([0x82, 0x87, 0x84, 0x01, 0x01, 0x61]);
    const cancel = Buffer.from([0, 0, 0, http2.constants.NGHTTP2_CANCEL]);
    const pair = (nth: number): Buffer =>
      Buffer.concat([frame(1, 5, 2 * nth + 1, head), frame(3, 0, 2 * nth + 1, cancel)]);
    socket.write(Buffer.concat(Array.from({ length: 5_000 }, (_, nth) => pair(nth))));
    await closed;
  });
});

describe('TLS', () => {
  test.each([
    ['an older version', { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['a cipher without forward secrecy', { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' }],
    ['a cipher without authentication', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' }],
  ] as const)('of %s is refused', async (_what, options) => {
    const socket = connectTls({ ...tls, ...options, host: '127.0.0.1', port: server.port });
    await expect(
      new Promise((resolve, reject) => {
        socket.once('secureConnect', resolve);
        socket.once('error', reject);
      }),
    ).rejects.toThrow(/alert|handshake|version|protocol/i);
  });
});

describe('the time that a request may take', () => {
  const pods = '/api/v1/pods?resourceVersion=9000000000000';

  test('is told by the client, in the form of a duration', async () => {
    const via = session();
    const { status, body } = await ask(via, { ':path': '/api/v1/pods?timeout=10' });
    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({
      reason: 'BadRequest',
      message: 'invalid timeout specified in the request URL - time: missing unit in duration "10"',
    });
    expect((await ask(via, { ':path': '/api/v1/pods?timeout=34s' })).status).toBe(200);
    via.destroy();
  });

  test('ends with 504', async () => {
    const via = session();
    const { status, body } = await ask(via, { ':path': `${pods}&timeout=100ms` });
    expect(status).toBe(504);
    expect(JSON.parse(body)).toMatchObject({
      ...{ kind: 'Status', status: 'Failure', reason: 'Timeout', code: 504 },
      message: 'Timeout: request did not complete within the allotted timeout',
    });
    // The connection and the server go on.
    expect((await ask(via, {})).status).toBe(200);
    via.destroy();
  });
});
