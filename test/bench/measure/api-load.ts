import { readFileSync } from 'node:fs';
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

  constructor(directory: string, port: number, clients: number) {
    const file = (name: string): Buffer => readFileSync(join(directory, 'pki', name));
    this.#tls = { ca: file('ca.crt'), cert: file('admin.crt'), key: file('admin.key') };
    this.#port = port;
    this.#agent = new Agent({ ...this.#tls, keepAlive: true, maxSockets: clients });
  }

  /** The number of bytes of the answer. @throws Error for a status other than 2xx */
  send(method: string, path: string, body?: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' };
      const options = { agent: this.#agent, host: '127.0.0.1', port: this.#port, method, path, headers };
      const sent = request(options, (response) => {
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
        });
        response.once('error', reject);
        response.once('end', () => {
          const status = response.statusCode ?? 0;
          if (status >= 200 && status < 300) resolve(bytes);
          else reject(new Error(`${method} ${path}: HTTP status ${status}`));
        });
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }

  /** Opens watches, 100 to an HTTP/2 connection; `onEvents` is told how many lines arrived. */
  async watch(path: string, count: number, onEvents: (events: number) => void): Promise<void> {
    const opened: Promise<void>[] = [];
    let session: ClientHttp2Session | undefined;
    for (let index = 0; index < count; index += 1) {
      if (index % 100 === 0 || session === undefined) {
        session = connect(`https://127.0.0.1:${this.#port}`, { ...this.#tls });
        session.on('error', () => undefined);
        this.#sessions.push(session);
      }
      const stream = session.request({ ':path': path });
      stream.on('error', () => undefined);
      stream.on('data', (chunk: Buffer) => onEvents(countLines(chunk)));
      opened.push(new Promise((resolve) => stream.once('response', () => resolve())));
    }
    await Promise.all(opened);
  }

  close(): void {
    for (const session of this.#sessions) session.destroy();
    this.#agent.destroy();
  }
}

function countLines(chunk: Buffer): number {
  let lines = 0;
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines += 1;
  return lines;
}

/** `count` calls, at most `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await call(next++);
  };
  await Promise.all(Array.from({ length: width }, lane));
}
