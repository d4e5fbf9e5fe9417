/** Faults by chance, each undone after a while. `stop` undoes what is left, but for a dead host perhaps. */
import type { Random } from '../../base/random.ts';
import type { EvictionChecker } from './checkers/evictions.ts';
import type { ModelNode } from './model-node.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

/** A fault that has begun: when it ends, and how. */
interface Fault {
  readonly name: string;
  readonly forMs: number;
  undo(): unknown;
}

type Inflict = () => Fault | undefined;

const nothing = (): void => undefined;

export class Nemesis {
  readonly #world: World;
  readonly #random: Random;
  readonly #evictions: EvictionChecker;
  readonly #active = new Map<Fault, number>();
  /** Hosts that a fault has at present. */
  readonly #taken = new Set<ModelNode>();
  readonly #inflictions: readonly Inflict[];

  constructor(world: World, evictions: EvictionChecker) {
    this.#world = world;
    this.#random = world.fork();
    this.#evictions = evictions;
    this.#inflictions = [
      () => this.#lossyWire(),
      () => this.#slowWire(),
      () => this.#cutStreams(),
      () => this.#storeWithoutLeader(),
      () => this.#lossyStore(),
      () => this.#slowStore(),
      () => this.#compact(),
      () => this.#pauseProgram(),
      () => this.#pauseProgram(),
      () => this.#restartProgram(),
      () => this.#restartProgram(),
      () => this.#restartApiServer(),
      () => this.#pauseApiServer(),
      () => this.#powerCut(),
      () => this.#powerCut(),
      () => this.#cable(),
      () => this.#restartAgent(),
      () => this.#pauseAgent(),
      () => this.#massSilence(),
    ];
  }

  /** Begins a fault, perhaps, and ends those whose time is over. Called once in a while. */
  act(): void {
    const nowMs = this.#world.time.nowMs;
    for (const [fault, untilMs] of [...this.#active]) if (untilMs <= nowMs) this.#undo(fault);
    const inflict = this.#inflictions[Math.floor(this.#random.next() * this.#inflictions.length)];
    const fault = inflict?.();
    if (fault === undefined) return;
    this.#world.note(`fault ${fault.name} for ${Math.round(fault.forMs)} ms`);
    this.#active.set(fault, nowMs + fault.forMs);
  }

  stop(): void {
    const [first, ...others] = this.#active.keys();
    for (const fault of others) this.#undo(fault);
    // A host that is dead for good is a state to converge in, too.
    if (first !== undefined && !(first.name.startsWith('power cut') && this.#random.next() < 0.5))
      this.#undo(first);
  }

  #undo(fault: Fault): void {
    this.#active.delete(fault);
    this.#world.note(`end of ${fault.name}`);
    fault.undo();
  }

  #between(low: number, high: number): number {
    return low + (high - low) * this.#random.next();
  }

  #any<T>(of: readonly T[]): T | undefined {
    return of[Math.floor(this.#random.next() * of.length)];
  }

  #lossyWire(): Fault {
    const { wireFaults } = this.#world;
    Object.assign(wireFaults, { lostRequests: 0.1, lostAnswers: 0.15 });
    const undo = (): object => Object.assign(wireFaults, { lostRequests: 0, lostAnswers: 0 });
    return { name: 'lossy wire', forMs: this.#between(500, 8_000), undo };
  }

  #slowWire(): Fault {
    const { wireFaults } = this.#world;
    Object.assign(wireFaults, { slow: 0.3, slowMs: this.#between(100, 3_000) });
    return {
      name: 'slow wire',
      forMs: this.#between(500, 8_000),
      undo: () => Object.assign(wireFaults, { slow: 0 }),
    };
  }

  #cutStreams(): Fault {
    this.#world.wire.cutStreams(this.#between(0.1, 1), this.#between(0, 8_000));
    return { name: 'cut streams', forMs: 0, undo: nothing };
  }

  #storeWithoutLeader(): Fault {
    const { storageFaults } = this.#world;
    storageFaults.hasLeader = false;
    const undo = (): object => Object.assign(storageFaults, { hasLeader: true });
    return { name: 'store without leader', forMs: this.#between(200, 8_000), undo };
  }

  #lossyStore(): Fault {
    const { storageFaults } = this.#world;
    Object.assign(storageFaults, { lostAnswers: 0.1, lostWrites: 0.1 });
    const undo = (): object => Object.assign(storageFaults, { lostAnswers: 0, lostWrites: 0 });
    return { name: 'lossy store', forMs: this.#between(500, 5_000), undo };
  }

  #slowStore(): Fault {
    const { storageFaults } = this.#world;
    Object.assign(storageFaults, { slow: 0.3, slowMs: this.#between(50, 2_000) });
    return {
      name: 'slow store',
      forMs: this.#between(500, 8_000),
      undo: () => Object.assign(storageFaults, { slow: 0 }),
    };
  }

  #compact(): Fault {
    this.#world.storage.compact(this.#world.history.version);
    return { name: 'compaction', forMs: 0, undo: nothing };
  }

  #pauseProgram(): Fault | undefined {
    const running = this.#any(this.#world.programs);
    return running && this.#pause(running.process, this.#between(200, 25_000));
  }

  #pauseApiServer(): Fault | undefined {
    const server = this.#any(this.#world.apiServers.filter(({ process }) => !process.isDead));
    return server && this.#pause(server.process, this.#between(200, 6_000));
  }

  #pause(process: SimulatedProcess, forMs: number): Fault {
    process.pause();
    return { name: `pause of ${process.name}`, forMs, undo: () => process.resume() };
  }

  #restartProgram(): Fault | undefined {
    const running = this.#any(this.#world.programs);
    if (running === undefined) return undefined;
    this.#world.restart(running);
    return { name: `restart of ${running.process.name}`, forMs: 0, undo: nothing };
  }

  #restartApiServer(): Fault | undefined {
    const { apiServers } = this.#world;
    const index = Math.floor(this.#random.next() * apiServers.length);
    const server = apiServers[index];
    if (server === undefined || server.process.isDead) return undefined;
    server.process.kill();
    const undo = (): void => this.#world.startApiServer(index);
    return { name: `kill of ${server.process.name}`, forMs: this.#between(100, 4_000), undo };
  }

  #powerCut(): Fault | undefined {
    return this.#silence(
      'power cut',
      30_000,
      (host) => host.powerOff(),
      (host) => host.powerOn(),
    );
  }

  #cable(): Fault | undefined {
    return this.#silence(
      'cable of',
      30_000,
      (host) => host.cut(),
      (host) => host.heal(),
    );
  }

  #restartAgent(): Fault | undefined {
    const host = this.#any(this.#world.hosts.filter(({ isOn }) => isOn));
    host?.restartAgent();
    return host && { name: `agent restart on ${host.name}`, forMs: 0, undo: nothing };
  }

  #pauseAgent(): Fault | undefined {
    const agent = this.#any(this.#world.hosts)?.agent;
    return agent && this.#pause(agent, this.#between(500, 10_000));
  }

  /** One host at a time, so that its silence means its death. */
  #silence(
    what: string,
    mostMs: number,
    begin: (host: ModelNode) => void,
    end: (host: ModelNode) => void,
  ): Fault | undefined {
    const free = this.#world.hosts.filter((host) => !this.#taken.has(host));
    const host = this.#any(free);
    if (host === undefined || this.#taken.size > 0) return undefined;
    this.#taken.add(host);
    this.#evictions.fellSilent(host.name);
    begin(host);
    const undo = (): void => {
      this.#taken.delete(host);
      this.#evictions.fellSilent(host.name);
      end(host);
    };
    return { name: `${what} ${host.name}`, forMs: this.#between(1_000, mostMs), undo };
  }

  /** So many at once that it cannot be their death. */
  #massSilence(): Fault | undefined {
    const { hosts } = this.#world;
    if (this.#taken.size > 0) return undefined;
    const least = Math.floor(hosts.length / 3) + 1;
    const count = least + Math.floor(this.#random.next() * (hosts.length - least + 1));
    const shuffled = hosts.map((host) => ({ host, at: this.#random.next() })).sort((a, b) => a.at - b.at);
    const silent = shuffled.slice(0, Math.max(2, count)).map(({ host }) => host);
    const names = silent.map(({ name }) => name);
    this.#evictions.hold(names);
    for (const host of silent) {
      this.#taken.add(host);
      host.cut();
    }
    const undo = (): void => {
      this.#evictions.release(names);
      for (const host of silent) {
        this.#taken.delete(host);
        host.heal();
      }
    };
    return { name: `silence of ${names.join(' ')}`, forMs: this.#between(1_000, 20_000), undo };
  }
}
