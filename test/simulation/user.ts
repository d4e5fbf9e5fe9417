/** A user of the simulated cluster: wants things, and repeats what brought no answer until the server has taken it. */
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Service } from '../../api/generated/core-v1.ts';
import { deployments, pods, services } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { delay } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { groupLabel, leastLabel } from './checkers/groups.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { World } from './world.ts';

const namespace = 'default';
const maxDeployments = 5;
const retryMs = 300;
/** Every third deployment is a group, unless more are wanted. */
const usualGroupEach = 3;
const leastOfGroup = 3;
/** Of all hosts together; what is wanted must fit in with hosts missing. */
const wantedCpuMillis = 4_000;

interface Wanted {
  readonly cpuMillis: number;
  readonly hostPort: number | undefined;
  /** Its pods run together or not at all. */
  readonly isGroup: boolean;
  replicas: number;
  image: number;
}

export class User {
  readonly #world: World;
  readonly #process: SimulatedProcess;
  readonly #client: ApiClient;
  readonly #random: Random;
  readonly #groupEach: number;
  readonly #wanted = new Map<string, Wanted>();
  /** Requests about one deployment are made one after the other. */
  readonly #turns = new Map<string, Promise<void>>();
  #created = 0;
  #busy = 0;

  constructor(world: World, groupEach: number = usualGroupEach) {
    this.#world = world;
    this.#groupEach = groupEach;
    this.#process = world.createProcess('user');
    this.#client = world.clientOf(this.#process, 'admin', ['system:masters']);
    this.#random = world.fork();
  }

  /** Whether the server has taken all that was wanted. */
  get isDone(): boolean {
    return this.#busy === 0;
  }

  /** Deployments that shall exist, with their sizes. */
  get wanted(): ReadonlyMap<string, { readonly replicas: number; readonly image: number }> {
    return this.#wanted;
  }

  /** Does one thing, chosen by chance. */
  act(): void {
    const chance = this.#random.next();
    if (this.#wanted.size === 0 || (chance < 0.25 && this.#wanted.size < maxDeployments)) this.#create();
    else if (chance < 0.6) this.#scale();
    else if (chance < 0.8) this.#changeImage();
    else if (chance < 0.92) this.#deletePod();
    else this.#remove();
  }

  #create(): void {
    this.#created += 1;
    const name = `app-${this.#created}`;
    const hostPort = this.#random.next() < 0.25 ? 8_000 + this.#created : undefined;
    const cpuMillis = [100, 200, 700][Math.floor(3 * this.#random.next())] ?? 100;
    const isGroup = this.#created % this.#groupEach === 0;
    const replicas = sizeOf(isGroup, this.#fitting(cpuMillis, hostPort));
    this.#wanted.set(name, { cpuMillis, hostPort, isGroup, replicas, image: 1 });
    this.#world.note(`user creates ${name} with ${replicas}`);
    const wanted = this.#wanted.get(name);
    if (wanted === undefined) return;
    const deployment = toDeployment(name, wanted);
    this.#insist(name, () => this.#client.create(deployments, deployment), isAlreadyExists);
    this.#insist(name, () => this.#client.create(services, toService(name)), isAlreadyExists);
  }

  #scale(): void {
    const [name, wanted] = this.#any();
    if (wanted === undefined) return;
    wanted.replicas = 0;
    wanted.replicas = sizeOf(wanted.isGroup, this.#fitting(wanted.cpuMillis, wanted.hostPort));
    this.#world.note(`user scales ${name} to ${wanted.replicas}`);
    const { replicas } = wanted;
    this.#patch(name, { spec: { replicas } });
  }

  #changeImage(): void {
    const [name, wanted] = this.#any();
    if (wanted === undefined) return;
    wanted.image += 1;
    this.#world.note(`user changes ${name} to image ${wanted.image}`);
    const containers = [{ name: 'main', image: `nginx:${wanted.image}` }];
    this.#patch(name, { spec: { template: { spec: { containers } } } });
  }

  #deletePod(): void {
    const all = this.#world.history.all('/pods');
    const name = all[Math.floor(this.#random.next() * all.length)]?.metadata.name;
    if (name === undefined) return;
    this.#world.note(`user deletes pod ${name}`);
    this.#insist(name, () => this.#client.delete(pods, { namespace, name }), isNotFound);
  }

  #remove(): void {
    const [name] = this.#any();
    this.#wanted.delete(name);
    this.#world.note(`user deletes ${name}`);
    this.#insist(name, () => this.#client.delete(deployments, { namespace, name }), isNotFound);
    this.#insist(name, () => this.#client.delete(services, { namespace, name }), isNotFound);
  }

  #patch(name: string, body: object): void {
    // An attempt that was never answered may be carried out late: then it must not undo what was wished since.
    const attempt = async (): Promise<unknown> => {
      const { metadata } = await this.#client.get(deployments, { namespace, name });
      const patch = { ...body, metadata: { resourceVersion: metadata.resourceVersion } };
      return this.#client.patch(deployments, { namespace, name }, { type: 'strategic', body: patch });
    };
    this.#insist(name, attempt, isNotFound);
  }

  #any(): [string, Wanted | undefined] {
    const entries = [...this.#wanted];
    return entries[Math.floor(this.#random.next() * entries.length)] ?? ['', undefined];
  }

  /** A number of replicas for which there is room. */
  #fitting(cpuMillis: number, hostPort: number | undefined): number {
    const used = [...this.#wanted.values()].reduce((total, one) => total + one.cpuMillis * one.replicas, 0);
    const room = Math.floor((wantedCpuMillis - used) / cpuMillis);
    const most = Math.max(0, Math.min(room, hostPort === undefined ? 6 : 2));
    return Math.min(most, Math.floor(this.#random.next() * (most + 1)));
  }

  #insist(name: string, request: () => Promise<unknown>, isSettled: (error: unknown) => boolean): void {
    this.#busy += 1;
    const attempt = async (): Promise<void> => {
      for (;;) {
        try {
          await request();
          return;
        } catch (error) {
          if (isSettled(error)) return;
        }
        await delay(this.#process, retryMs * (1 + this.#random.next()));
      }
    };
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(attempt).finally(() => {
      this.#busy -= 1;
    });
    this.#turns.set(name, turn);
  }
}

/** A group of one would wait for ever. */
const sizeOf = (isGroup: boolean, replicas: number): number =>
  isGroup && replicas < leastOfGroup ? 0 : replicas;

function toDeployment(name: string, wanted: Wanted): NewObject<Deployment> {
  const labels = { app: name };
  const groupLabels = wanted.isGroup ? { [groupLabel]: name, [leastLabel]: `${leastOfGroup}` } : {};
  const { hostPort } = wanted;
  const container = {
    name: 'main',
    image: `nginx:${wanted.image}`,
    resources: { requests: { cpu: `${wanted.cpuMillis}m`, memory: '128Mi' } },
    ports: [{ containerPort: 80, ...(hostPort === undefined ? {} : { hostPort }) }],
  };
  // The types of stored objects ask for what only the server gives.
  return JSON.parse(
    JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas: wanted.replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels: { ...labels, ...groupLabels } }, spec: { containers: [container] } },
      },
    }),
  ) as NewObject<Deployment>;
}

function toService(name: string): NewObject<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { selector: { app: name }, ports: [{ port: 80 }] },
  };
}
