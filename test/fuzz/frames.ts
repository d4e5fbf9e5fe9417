/** Bytes that no client library sends: broken HTTP/1.1, broken HTTP/2 frames, WebSocket frames behind an upgrade. */
import { connect, type TLSSocket } from 'node:tls';
import type { ClientConfig } from '../../client/client-config.ts';
import { damageBytes } from './damage.ts';
import type { Dice } from './dice.ts';
import { someText } from './texts.ts';

export interface RawCase {
  readonly protocol: 'http/1.1' | 'h2';
  /** Written one after the other. */
  readonly writes: readonly Buffer[];
}

/** How long an answer is waited for; most of what is sent has none. */
const silenceMs = 30;
const maxAnswerBytes = 64 * 1024;

const requestLines = [
  'GET /api/v1/nodes HTTP/1.1',
  'GET /api/v1/namespaces/default/pods?watch=1 HTTP/1.1',
  'POST /api/v1/namespaces/default/configmaps HTTP/1.1',
  'GET  /api HTTP/1.1',
  'GET /api HTTP/9.9',
  'GET api HTTP/1.1',
  'G\u0000T / HTTP/1.1',
  'CONNECT a:1 HTTP/1.1',
  'PRI * HTTP/2.0',
  'OPTIONS * HTTP/1.1',
  'GET http://other/api/v1 HTTP/1.1',
];
const headerLines = [
  'Host: x',
  'Content-Length: 10',
  'Content-Length: -1',
  'Content-Length: 99999999999999',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: chunked, chunked',
  'Content-Type: application/json',
  'Connection: close',
  'Connection: upgrade',
  'Upgrade: h2c',
  'Upgrade: websocket',
  'Expect: 100-continue',
  'Expect: nonsense',
  'X-Bad\u0001: a',
  ': empty',
  'No colon',
  ' folded',
];
const bodies = [
  '',
  '{}',
  '5\r\nhello\r\n0\r\n\r\n',
  'zz\r\n',
  'ffffffffffffffffff\r\n',
  '{"kind":"ConfigMap"',
];

function http1(dice: Dice): Buffer {
  const headers = Array.from({ length: dice.below(5) }, () => dice.pick(headerLines));
  if (dice.chance(0.05)) headers.push(`X-Long: ${'x'.repeat(70_000)}`);
  const end = dice.chance(0.9) ? '\r\n' : '\n';
  const text = [dice.pick(requestLines), ...headers, '', dice.pick(bodies)].join(end);
  return dice.chance(0.3) ? damageBytes(dice, Buffer.from(text, 'latin1')) : Buffer.from(text, 'latin1');
}

const upgrades = ['exec', 'attach', 'portforward', 'log', 'nope'];

/** An upgrade and frames behind it, of a client that knows WebSocket badly. */
function webSocket(dice: Dice): Buffer[] {
  const path = dice.chance(0.7)
    ? `/api/v1/namespaces/default/pods/${dice.pick(['streams', 'none'])}/${dice.pick(upgrades)}?command=x&stdin=1&container=c`
    : '/api/v1/namespaces/default/configmaps?watch=1';
  const head = [
    `GET ${path} HTTP/1.1`,
    'Host: x',
    'Connection: Upgrade',
    `Upgrade: ${dice.pick(['websocket', 'websocket', 'SPDY/3.1', 'x'])}`,
    `Sec-WebSocket-Key: ${dice.pick(['dGhlIHNhbXBsZSBub25jZQ==', 'x', ''])}`,
    `Sec-WebSocket-Version: ${dice.pick(['13', '13', '8', 'x'])}`,
    `Sec-WebSocket-Protocol: ${dice.pick(['v5.channel.k8s.io', 'v4.channel.k8s.io', 'SPDY/3.1+portforward.k8s.io', 'x', 'a,,b'])}`,
  ];
  const frames = Array.from({ length: dice.below(6) }, () => frame(dice));
  return [Buffer.from(`${head.join('\r\n')}\r\n\r\n`), ...frames];
}

/** @see RFC 6455, section 5.2 */
function frame(dice: Dice): Buffer {
  const payload = Buffer.from(
    dice.pick(['\u0000hello', '\u0004{"Width":80}', '\u00ff\u0001', '', someText(dice)]),
    'latin1',
  );
  const first = dice.pick([0x80, 0x00, 0xf0]) | dice.pick([0, 1, 2, 8, 9, 10, 3, 15]);
  const masked = dice.chance(0.8) ? 0x80 : 0;
  const size = dice.branch<Buffer>([
    [
      6,
      () =>
        payload.length < 126 ? Buffer.from([masked | payload.length]) : longSize(masked, payload.length),
    ],
    [1, () => Buffer.from([masked | 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])],
    [1, () => Buffer.from([masked | 126, 0xff, 0xff])],
  ]);
  const mask = masked === 0 ? Buffer.alloc(0) : Buffer.alloc(4);
  const whole = Buffer.concat([Buffer.from([first]), size, mask, payload]);
  return dice.chance(0.2) ? damageBytes(dice, whole) : whole;
}

const longSize = (masked: number, length: number): Buffer =>
  Buffer.from([masked | 126, (length >> 8) & 0xff, length & 0xff]);

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
/** Of `:method GET, :scheme https, :path /, :authority x`. @see RFC 7541, appendix A */
const simpleHead = Buffer.from([0x82, 0x87, 0x84, 0x41, 0x01, 0x78]);

/** @see RFC 9113, section 4.1 */
function http2Frame(dice: Dice): Buffer {
  const type = dice.pick([0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255]);
  const payload = dice.branch<Buffer>([
    [4, () => simpleHead],
    [2, () => Buffer.from(someText(dice))],
    [2, () => Buffer.alloc(dice.pick([0, 4, 8, 5, 6]), dice.below(256))],
    [1, () => damageBytes(dice, simpleHead)],
  ]);
  const stream = dice.pick([0, 1, 1, 3, 5, 2, 0x7fffffff]);
  const head = Buffer.alloc(9);
  const length = dice.chance(0.9) ? payload.length : dice.pick([0, 1, 16_384, 16_385, 0xffffff]);
  head.writeUIntBE(length, 0, 3);
  head[3] = type;
  head[4] = dice.pick([0, 1, 4, 5, 0x25, 0xff]);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const emptySettings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

export function someRawCase(dice: Dice): RawCase {
  return dice.branch<RawCase>([
    [3, () => ({ protocol: 'http/1.1', writes: [http1(dice)] })],
    [3, () => ({ protocol: 'http/1.1', writes: webSocket(dice) })],
    [
      3,
      () => {
        const frames = Array.from({ length: dice.below(8) + 1 }, () => http2Frame(dice));
        return { protocol: 'h2', writes: dice.chance(0.9) ? [preface, emptySettings, ...frames] : frames };
      },
    ],
  ]);
}

/** Sends a case over a connection of its own, and gives what came back. */
export function sendRaw(config: ClientConfig, { protocol, writes }: RawCase): Promise<Buffer> {
  const url = new URL(config.server);
  const { ca, cert, key } = config;
  const chunks: Buffer[] = [];
  let size = 0;
  return new Promise((resolve) => {
    const socket: TLSSocket = connect({
      ...{ host: url.hostname, port: Number(url.port), ALPNProtocols: [protocol] },
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    });
    let timer: NodeJS.Timeout | undefined;
    socket.on('error', () => undefined);
    socket.once('secureConnect', () => {
      for (const bytes of writes) socket.write(bytes);
      timer = setTimeout(() => socket.destroy(), silenceMs);
    });
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      timer?.refresh();
      if (size > maxAnswerBytes) socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
  });
}

/** Upgrades to an agent that cannot be reached are the one thing that the server cannot help. */
const allowed = /error dialing backend|is not running|does not have a host assigned/;

/** What is wrong with the bytes that came back. */
export function objectionToRaw({ protocol }: RawCase, answer: Buffer): string | undefined {
  if (protocol === 'h2') return undefined;
  const text = answer.toString('latin1');
  const failures = [...text.matchAll(/^HTTP\/1\.1 (5\d\d)[\s\S]*?\r\n\r\n([\s\S]{0,400})/gm)];
  const [, status, body = ''] = failures[0] ?? [];
  return status === undefined || allowed.test(body) ? undefined : `raw: status ${status}: ${body}`;
}
