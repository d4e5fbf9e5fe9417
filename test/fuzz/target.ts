import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import type { ClientConfig } from '../../client/client-config.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { freePorts } from '../../deploy/ports.ts';
import { eventually } from '../support/eventually.ts';
import { createTestPki, type TestPki } from '../support/test-pki.ts';
import { requestOnce } from './senders.ts';

const main = join(import.meta.dirname, '../../apiserver/main.ts');
const maxLogCharacters = 200_000;

interface HeapUsage {
  readonly usedSize: number;
}

/** An API server as a process of its own, whose log, heap and CPU time can be looked at. */
export class FuzzTarget {
  readonly config: ClientConfig;
  readonly directory: string;
  readonly pki: TestPki;
  readonly #process: ChildProcess;
  readonly #inspectorPort: number;
  readonly #errors: string[] = [];
  #errorCharacters = 0;

  private constructor(options: {
    readonly config: ClientConfig;
    readonly directory: string;
    readonly pki: TestPki;
    readonly process: ChildProcess;
    readonly inspectorPort: number;
  }) {
    this.config = options.config;
    this.directory = options.directory;
    this.pki = options.pki;
    this.#process = options.process;
    this.#inspectorPort = options.inspectorPort;
    for (const output of [this.#process.stdout, this.#process.stderr])
      output?.on('data', (chunk: Buffer) => this.#read(chunk.toString()));
  }

  /** In memory unless `etcdServers` are given. */
  static async start(etcdServers?: string): Promise<FuzzTarget> {
    const [port = 0, inspectorPort = 0] = await freePorts(2);
    const directory = mkdtempSync(join(tmpdir(), 'coracle-fuzz-'));
    const pki = await createTestPki({ directory, port, nodes: [] });
    const store = etcdServers === undefined ? '--storage=memory' : `--etcd-servers=${etcdServers}`;
    const flags = [...pki.apiserverFlags, `--secure-port=${port}`, store];
    const child = spawn(process.execPath, [`--inspect=127.0.0.1:${inspectorPort}`, main, ...flags], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    process.once('exit', () => child.kill('SIGKILL'));
    const config = await loadKubeconfig(join(directory, 'admin.kubeconfig'));
    const target = new FuzzTarget({ config, directory, pki, process: child, inspectorPort });
    await eventually(async () => {
      if (!target.isAlive) throw new Error(`the API server ended: ${target.errors.join('\n')}`);
      const { status } = await requestOnce(config, '/readyz');
      if (status !== 200) throw new Error(`/readyz: HTTP status ${status}`);
    });
    return target;
  }

  get isAlive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Lines of the log that tell of errors, and what Node itself has said. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Seconds of CPU that it has used. */
  cpuSeconds(): number {
    const fields = readFileSync(`/proc/${this.#process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }

  /** Bytes in use on the heap once everything that can go is gone. */
  async heapBytes(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.#inspectorPort}/json/list`);
    const [{ webSocketDebuggerUrl }] = (await answer.json()) as [{ webSocketDebuggerUrl: string }];
    const socket = new WebSocket(webSocketDebuggerUrl);
    await once(socket, 'open');
    let id = 0;
    const ask = async <T>(method: string): Promise<T> => {
      id += 1;
      const asked = id;
      return new Promise((resolve) => {
        const onMessage = (data: Buffer): void => {
          const message = JSON.parse(data.toString()) as { id?: number; result: T };
          if (message.id !== asked) return;
          socket.off('message', onMessage);
          resolve(message.result);
        };
        socket.on('message', onMessage);
        socket.send(JSON.stringify({ id: asked, method }));
      });
    };
    await ask('HeapProfiler.collectGarbage');
    await ask('HeapProfiler.collectGarbage');
    const { usedSize } = await ask<HeapUsage>('Runtime.getHeapUsage');
    socket.close();
    return usedSize;
  }

  async stop(): Promise<void> {
    if (this.isAlive) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await ended;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  #read(text: string): void {
    for (const line of text.split('\n')) {
      const isOurs = line.startsWith('{');
      const isError = isOurs ? /"level":(?:50|60|"error"|"fatal")/.test(line) : line.trim() !== '';
      if (!isError || /Debugger|inspector|For help/.test(line)) continue;
      this.#errorCharacters += line.length;
      if (this.#errorCharacters < maxLogCharacters) this.#errors.push(line);
    }
  }
}
