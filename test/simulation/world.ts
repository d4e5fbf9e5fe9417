/**
 * The whole control plane in one process: store, API servers, controllers, schedulers, detectors and hosts, on one
 * virtual clock. What runs is the real code; only time, chance, the network, the disk and the containers are made up.
 */
import type { AnyObject } from '../../api/kind-info.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import type { Origin } from '../../base/beat.ts';
import { messageOf } from '../../base/invariant.ts';
import { type Logger, silentLogger } from '../../base/logger.ts';
import { type Random, seededRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { createApiClientOver } from '../../client/http-client.ts';
import type { BeatSource } from '../../controllers/detector/beat-source.ts';
import { History } from './history.ts';
import { ModelNode } from './model-node.ts';
import { type ProgramName, programs } from './programs.ts';
import { SimulatedApiServer } from './simulated-api-server.ts';
import { SimulatedProcess } from './simulated-process.ts';
import { noStorageFaults, SimulatedStorage, type StorageFaults } from './simulated-storage.ts';
import { Trace } from './trace.ts';
import { VirtualTime } from './virtual-time.ts';
import { noWireFaults, Wire, type WireFaults, type WireObserver } from './wire.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly apiServers: number;
  /** Of each program. */
  readonly replicas: number;
  readonly observer?: ((history: History) => WireObserver) | undefined;
  readonly loggerOf?: ((process: SimulatedProcess) => Logger) | undefined;
  readonly keepTrace?: boolean | undefined;
}

export interface Violation {
  readonly atMs: number;
  readonly check: string;
  readonly message: string;
}

/** One instance of a program, restarted under its name. */
export interface RunningProgram {
  readonly program: ProgramName;
  readonly index: number;
  process: SimulatedProcess;
  receiveBeat: ((datagram: Buffer) => void) | undefined;
}

const bootMs = 3_000;
const lostDatagrams = 0.005;
const blindObserver: WireObserver = { sent: () => undefined, opened: () => undefined };
const memoryNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export class World {
  readonly options: WorldOptions;
  readonly time: VirtualTime = new VirtualTime();
  readonly random: Random;
  readonly storage: MemoryStorage = new MemoryStorage();
  readonly storageFaults: StorageFaults = noStorageFaults();
  readonly wireFaults: WireFaults = noWireFaults();
  readonly history: History;
  readonly trace: Trace;
  readonly wire: Wire;
  readonly hosts: ModelNode[] = [];
  readonly apiServers: SimulatedApiServer[] = [];
  readonly programs: RunningProgram[] = [];
  readonly violations: Violation[] = [];
  readonly beatKey: Buffer = Buffer.alloc(32, 7);
  #processes = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    this.trace = new Trace(options.keepTrace === true);
    this.history = new History(() => this.time.nowMs);
    this.history.onChange(({ key, version, after }) =>
      this.trace.add(this.time.nowMs, `${version} ${after === undefined ? 'delete' : 'put'} ${key}`),
    );
    this.wire = new Wire({
      random: this.fork(),
      faults: this.wireFaults,
      servers: () => this.apiServers,
      observer: options.observer?.(this.history) ?? blindObserver,
    });
  }

  /** A generator of its own for each part, so that one more draw here changes nothing there. */
  fork(): Random {
    return seededRandom(Math.floor(this.random.next() * 2 ** 32));
  }

  /** Everything starts; resolves when the cluster has had time to come up. */
  async boot(): Promise<void> {
    void this.history.follow(this.storage);
    await this.#ensureNamespaces();
    for (let i = 0; i < this.options.apiServers; i += 1) this.startApiServer(i);
    await this.time.runUntil(this.time.nowMs + 100);
    for (const program of ['controllers', 'scheduler', 'detector'] as const)
      for (let index = 0; index < this.options.replicas; index += 1) this.#addProgram(program, index);
    for (let i = 1; i <= this.options.hosts; i += 1) this.addHost(i);
    await this.time.runUntil(this.time.nowMs + bootMs);
  }

  startApiServer(index: number): void {
    const process = this.createProcess(`apiserver-${index}`);
    const random = this.fork();
    const storage = new SimulatedStorage({
      ...{ inner: this.storage, process, random: this.fork(), faults: this.storageFaults },
    });
    const server = new SimulatedApiServer({ process, storage, random, logger: this.loggerOf(process) });
    this.spawn(process, server.run());
    this.apiServers[index] = server;
  }

  addHost(i: number): ModelNode {
    const host = new ModelNode(this, {
      name: `host-${i}`,
      address: `10.9.0.${i}`,
      shape: { cpu: '2', memory: '4Gi', pods: '20' },
      random: this.fork(),
    });
    this.hosts.push(host);
    host.powerOn();
    return host;
  }

  #addProgram(program: ProgramName, index: number): void {
    const running: RunningProgram = {
      program,
      index,
      receiveBeat: undefined,
      process: this.createProcess(`${program}-${index}`),
    };
    this.programs.push(running);
    this.#run(running);
  }

  restart(running: RunningProgram): void {
    this.wire.breakStreamsOf(running.process, 0);
    running.process.kill();
    running.receiveBeat = undefined;
    running.process = this.createProcess(running.process.name);
    this.#run(running);
  }

  #run(running: RunningProgram): void {
    const { process } = running;
    const client = this.clientOf(process, `system:${running.program}`, ['system:masters']);
    this.#processes += 1;
    const identity = `${process.name}_${this.#processes}`;
    const logger = this.loggerOf(process);
    const common = { client, clock: process, random: this.fork(), logger, identity };
    const source: BeatSource = {
      run(receive) {
        running.receiveBeat = receive;
        return new Promise(() => undefined);
      },
      send: (datagram, to) => this.#answer(running, datagram, to),
      readAll: () => false,
      hurry: () => undefined,
    };
    this.spawn(process, programs[running.program]({ ...common, source, beatKey: this.beatKey }));
  }

  /** A guard's datagram to one detector, or to every one. One in two hundred is lost. */
  beat(datagram: Buffer, to?: string): void {
    for (const { program, process, receiveBeat } of this.programs) {
      if (program !== 'detector' || (to ?? process.name) !== process.name) continue;
      if (this.random.next() < lostDatagrams) continue;
      process.arrive(0.1 + this.random.next(), () => receiveBeat?.(datagram));
    }
  }

  /** A detector's datagram to a guard. */
  #answer({ process }: RunningProgram, datagram: Buffer, to: Origin): void {
    const host = this.hosts.find(({ address }) => address === to.address);
    if (this.random.next() >= lostDatagrams) host?.arrive(0.1 + this.random.next(), datagram, process.name);
  }

  createProcess(name: string): SimulatedProcess {
    return new SimulatedProcess(name, this.time);
  }

  loggerOf(process: SimulatedProcess): Logger {
    return this.options.loggerOf?.(process) ?? silentLogger;
  }

  clientOf(process: SimulatedProcess, name: string, groups: readonly string[]): ApiClient {
    const user = { name, uid: '', groups: [...groups, 'system:authenticated'], extra: {} };
    return createApiClientOver(this.wire.connect(process, user), () => undefined);
  }

  /** A part of `process` that runs for as long as it lives: its end is a fault. */
  spawn(process: SimulatedProcess, running: Promise<void>): void {
    running.then(
      () => this.violate('process', `${process.name} ended`),
      (error: unknown) => this.violate('process', `${process.name} failed: ${messageOf(error)}`),
    );
  }

  violate(check: string, message: string): void {
    this.violations.push({ atMs: this.time.nowMs, check, message });
    this.trace.add(this.time.nowMs, `violation ${check}: ${message}`);
  }

  /** A note in the trace: a fault, a user's doing. */
  note(what: string): void {
    this.trace.add(this.time.nowMs, what);
  }

  async #ensureNamespaces(): Promise<void> {
    const puts = memoryNamespaces.map((name) => {
      const metadata = {
        name,
        uid: `namespace-${name}`,
        creationTimestamp: '2026-01-01T00:00:00Z',
        resourceVersion: '',
      };
      const object = {
        apiVersion: 'v1',
        kind: 'Namespace',
        metadata: { ...metadata, labels: { 'kubernetes.io/metadata.name': name } },
        spec: { finalizers: ['kubernetes'] },
        status: { phase: 'Active' },
      } satisfies AnyObject;
      return { type: 'put' as const, key: `/registry/namespaces/${name}`, object, expected: 0 };
    });
    await this.storage.commit(puts);
  }
}
