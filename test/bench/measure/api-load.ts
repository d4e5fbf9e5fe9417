import { readFileSync } from 'node:fs';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { join } from 'node:path';

/** What a process has used: CPU in milliseconds since its start, memory in MB now. */
export function usageOf(pid: number): { readonly cpuMs: number; readonly residentMb: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  // Linux counts CPU time in hundredths of a second, memory in pages of 4 KiB.
  return { cpuMs: ticks * 10, residentMb: (Number(fields[21]) * 4_096) / 1e6 };
}

/** A pod of about 2.5 KB as stored. */
export function benchPod(name: string): object {
  const env = Array.from({ length: 12 }, (_, index) => ({
    name: `SETTING_${index}`,
    value: `the value of setting ${index} of this container`,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'bench', tier: 'web', 'pod-template-hash': '5d4f8c7b9' } },
    spec: {
      containers: [
        {
          name: 'main',
          image: 'registry.example/bench/web:1.2.3',
          env,
          ports: [{ containerPort: 8080, name: 'http' }],
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
          readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 5 },
        },
      ],
    },
  };
}

/** Clients of an API server over TLS with the administrator's certificate. */
export class ApiLoad {
  readonly #tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
  readonly #port: number;
  readonly #agent: Agent;
  readonly #sessions: ClientHttp2Session[] = [];
  readonly #alone: ClientRequest[] = [];

  constructor(directory: string, port: number, clients: number) {
    const file = (name: string): Buffer => readFileSync(join(directory, 'pki', name));
    this.#tls = { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
    this.#port = port;
    this.#agent = new Agent({ ...this.#tls, keepAlive: true, maxSockets: clients });
  }

  /** The number of bytes of the answer. @throws Error for a status other than 2xx */
  async send(method: string, path: string, body?: string, contentType?: string): Promise<number> {
    return (await this.ask(method, path, body, contentType)).length;
  }

  /** The answer. @throws Error for a status other than 2xx */
  ask(method: string, path: string, body?: string, contentType = 'application/json'): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': contentType };
      const options = { agent: this.#agent, host: '127.0.0.1', port: this.#port, method, path, headers };
      const sent = request(options, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.once('error', reject);
        response.once('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(Buffer.concat(chunks));
          else reject(new Error(`${method} ${path}: HTTP status ${status}`));
        });
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  /** Opens watches, 100 to an HTTP/2 connection; `onEvents` is told how many lines arrived. */
  async watch(
    pathOf: (index: number) => string,
    count: number,
    onEvents: (events: number) => void,
  ): Promise<void> {
    const opened: Promise<void>[] = [];
    let session: ClientHttp2Session | undefined;
    for (let index = 0; index < count; index += 1) {
      if (index % 100 === 0 || session === undefined) {
        session = connect(`https://127.0.0.1:${this.#port}`, { ...this.#tls });
        session.on('error', () => undefined);
        this.#sessions.push(session);
      }
      const stream = session.request({ ':path': pathOf(index) });
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => onEvents(countLines(chunk)));
      opened.push(new Promise((resolve) => stream.once('response', () => resolve())));
    }
    await Promise.all(opened);
  }

  /** Watches of a client that never reads, on one HTTP/2 connection. `gone` counts those that the server has ended. */
  watchUnread(path: string, count: number): { readonly gone: () => number } {
    const session = connect(`https://127.0.0.1:${this.#port}`, { ...this.#tls });
    session.on('error', () => undefined);
    this.#sessions.push(session);
    let gone = 0;
    for (let index = 0; index < count; index += 1) {
      const stream = session.request({ ':path': path });
      stream.on('error', () => undefined);
      stream.on('data', () => undefined);
      stream.once('response', () => stream.pause());
      stream.on('close', () => {
        gone += 1;
      });
    }
    return { gone: () => gone };
  }

  /** Opens watches over HTTP/1.1, a connection each. */
  async watchAlone(path: string, count: number): Promise<void> {
    const open = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const options = { ...this.#tls, host: '127.0.0.1', port: this.#port, path, agent: false } as const;
        const sent = request(options, (response) => {
          response.on('error', () => undefined);
          response.resume();
          resolve();
        });
        sent.once('error', reject);
        this.#alone.push(sent);
        sent.end();
      });
    await inParallel(count, 32, open);
  }

  /** An answer that has begun and is not read; its connection is its own. */
  openUnread(path: string): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = { ...this.#tls, host: '127.0.0.1', port: this.#port, path, agent: false } as const;
      const sent = request(options, resolve);
      sent.once('error', reject);
      sent.end();
    });
  }

  /** Ends all watches. */
  endWatches(): void {
    for (const session of this.#sessions.splice(0)) session.destroy();
    for (const sent of this.#alone.splice(0)) {
      sent.on('error', () => undefined);
      sent.destroy();
    }
  }

  close(): void {
    this.endWatches();
    this.#agent.destroy();
  }
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  return lines;
}

/** `count` calls, at most `width` at a time. @returns how long each took, in milliseconds, the shortest first */
export async function inParallel(
  count: number,
  width: number,
  call: (index: number) => Promise<unknown>,
): Promise<Float64Array> {
  const took = new Float64Array(count);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const index = next++;
      const start = performance.now();
      await call(index);
      took[index] = performance.now() - start;
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
  return took.sort();
}
