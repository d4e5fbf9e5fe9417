/**
 * One user who asks without a pause over many connections, each of which has its requests under way all the time and
 * asks again at once whatever the answer is. It creates objects and deletes them again, so that what is stored stays the
 * same. A process of its own, so that it delays nobody but the server:
 *
 *   node hammer.ts '{"port": 6443, "ca": ..., "connections": 500, "streams": 0, "seconds": 10}'
 *
 * `streams` 0 is HTTP/1.1, else HTTP/2 with so many requests under way a connection. Prints `open` when all connections are
 * open, then, when `seconds` are over, how often each status came as JSON.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';

export interface HammerOptions {
  readonly port: number;
  /** Files. */
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly connections: number;
  readonly streams: number;
  readonly seconds: number;
}

export interface HammerCount {
  /** By HTTP status; 0: no answer. */
  readonly statuses: Readonly<Record<string, number>>;
  /** That an answer took, whatever it was. */
  readonly meanMs: number;
}

const path = '/api/v1/namespaces/default/configmaps';
/** One in so many requests is a list, the others write. */
const listEvery = 4;

let sent = 0;
let isOver = false;
const statuses: Record<string, number> = {};

/** Objects that it creates and deletes in turn. */
const objects = 500;
const existing = new Set<number>();

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  /** Told how it ended. */
  answered(status: number): void;
}

function nextRequest(): Asked {
  sent += 1;
  const read = { method: 'GET', path: `${path}?limit=500`, body: undefined, answered: () => undefined };
  if (sent % listEvery === 0) return read;
  const nth = sent % objects;
  const name = `hammer-${nth}`;
  const answered = (status: number): void => {
    if (status === 201 || status === 409) existing.add(nth);
    if (status === 200 || status === 404) existing.delete(nth);
  };
  if (existing.has(nth)) return { method: 'DELETE', path: `${path}/${name}`, body: undefined, answered };
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } });
  return { method: 'POST', path, body, answered };
}

let answers = 0;
let totalMs = 0;

function count(status: number, startMs: number): void {
  answers += 1;
  totalMs += performance.now() - startMs;
  statuses[status] = (statuses[status] ?? 0) + 1;
}

const [text = '{}'] = process.argv.slice(2);
const options: HammerOptions = JSON.parse(text);
const tls = {
  ca: readFileSync(options.ca),
  cert: readFileSync(options.cert),
  key: readFileSync(options.key),
};

function askOverHttp1(agent: Agent): Promise<number> {
  const { method, path: where, body, answered } = nextRequest();
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const target = { host: '127.0.0.1', port: options.port, method, path: where, headers, agent };
  return new Promise((resolve) => {
    const asked = request(target, (response) => {
      response.resume();
      response.once('close', () => {
        answered(response.statusCode ?? 0);
        resolve(response.statusCode ?? 0);
      });
    });
    asked.once('error', () => resolve(0));
    asked.end(body);
  });
}

let open = 0;

function opened(): void {
  open += 1;
  if (open === options.connections) process.stdout.write('open\n');
}

async function hammerOverHttp1(): Promise<void> {
  const agent = new Agent({ ...tls, keepAlive: true, maxSockets: 1 });
  const ask = async (): Promise<void> => {
    const startMs = performance.now();
    count(await askOverHttp1(agent), startMs);
  };
  await ask();
  opened();
  while (!isOver) await ask();
  agent.destroy();
}

function hammerOverHttp2(): void {
  const session = connect(`https://127.0.0.1:${options.port}`, tls);
  const again = (): void => {
    session.destroy();
    if (!isOver) hammerOverHttp2();
  };
  session.once('error', again);
  session.once('goaway', again);
  const ask = (): void => {
    if (isOver || session.destroyed || session.closed) return;
    const { method, path: where, body, answered } = nextRequest();
    const stream = session.request({ ':method': method, ':path': where, 'content-type': 'application/json' });
    const startMs = performance.now();
    let status = 0;
    stream.once('response', (headers) => {
      status = Number(headers[':status']);
    });
    stream.on('error', () => undefined);
    stream.once('close', () => {
      count(status, startMs);
      answered(status);
      ask();
    });
    stream.resume();
    stream.end(body);
  };
  session.once('connect', () => {
    opened();
    for (let nth = 0; nth < options.streams; nth += 1) ask();
  });
}

for (let nth = 0; nth < options.connections; nth += 1)
  if (options.streams === 0) void hammerOverHttp1();
  else hammerOverHttp2();
const conclude = (): void => {
  isOver = true;
  const counted: HammerCount = { statuses, meanMs: totalMs / answers };
  process.stdout.write(`${JSON.stringify(counted)}\n`, () => process.exit(0));
};
process.once('SIGTERM', conclude);
setTimeout(conclude, options.seconds * 1_000);
