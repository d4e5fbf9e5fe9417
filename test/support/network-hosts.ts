/**
 * Simulated hosts for tests of the data plane: network namespaces on one bridge, each with a whole node network of the
 * project, fed by informers that the test fills by hand. Every kernel name carries the process id.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Node, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { ApiObject } from '../../api/kind-info.ts';
import { type Peer, peers } from '../../api/peer.ts';
import { peerFieldsOf } from '../../apiserver/peers/peers.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { InformerHandler } from '../../client/informer.ts';
import { keyOf } from '../../client/object-key.ts';
import { Store } from '../../client/store.ts';
import { createKernelCommands, type KernelCommands } from '../../node-agent/network/kernel-commands.ts';
import { createNodeNetwork, type NodeNetwork } from '../../node-agent/network/node-network.ts';

const execute = promisify(execFile);
let created = 0;

/** An informer without a server: the test says what the cluster holds. */
export class FilledInformer<T extends ApiObject> {
  readonly #store = new Store<T>();
  readonly #handlers: InformerHandler<T>[] = [];
  #version = 0;

  get lister(): Store<T> {
    return this.#store;
  }

  get hasSynced(): boolean {
    return true;
  }

  get lastResourceVersion(): string {
    return String(this.#version);
  }

  whenSynced(): Promise<void> {
    return Promise.resolve();
  }

  addHandler(handler: InformerHandler<T>): () => void {
    this.#handlers.push(handler);
    for (const object of this.#store.list()) handler.onAdd?.(object);
    return () => this.#handlers.splice(this.#handlers.indexOf(handler), 1);
  }

  put(object: T): void {
    this.#version += 1;
    const previous = this.#store.set(keyOf(object), object);
    for (const handler of this.#handlers)
      if (previous === undefined) handler.onAdd?.(object);
      else handler.onUpdate?.(previous, object);
  }

  drop(object: T): void {
    this.#version += 1;
    if (this.#store.delete(keyOf(object)) === undefined) return;
    for (const handler of this.#handlers) handler.onDelete?.(object);
  }
}

export interface ClusterState {
  readonly nodes: FilledInformer<Node>;
  /** What the API server makes of the nodes. */
  readonly peers: FilledInformer<Peer>;
  readonly services: FilledInformer<Service>;
  readonly endpointSlices: FilledInformer<EndpointSlice>;
}

export interface TestPod {
  readonly ip: string;
  readonly netns: string;
}

export interface TestHost {
  readonly name: string;
  readonly ip: string;
  readonly netns: string;
  readonly commands: KernelCommands;
  readonly runDir: string;
  readonly network: NodeNetwork;
  addPod(name: string, hostPort?: number): Promise<TestPod>;
  /** Ends the node network and begins a new one on the same kernel state, as a restarted agent does. */
  restart(): Promise<void>;
}

export interface TestHosts {
  readonly state: ClusterState;
  readonly hosts: readonly TestHost[];
  /** A client outside the cluster on the same underlay. */
  readonly outside: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** @throws when there is none with this index */
export function hostOf({ hosts }: TestHosts, index: number): TestHost {
  const found = hosts[index];
  if (found === undefined) throw new Error(`there is no host ${index}`);
  return found;
}

export async function ip(...args: string[]): Promise<string> {
  return (await execute('ip', args)).stdout;
}

/** Runs a command in a namespace. @returns its output. */
export async function inNetns(netns: string, ...argv: string[]): Promise<string> {
  return (await execute('nsenter', [`--net=/run/netns/${netns}`, ...argv])).stdout;
}

const ranges = { clusterCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12', clusterDns: '10.96.0.10' };

export async function startTestHosts(count: number): Promise<TestHosts> {
  created += 1;
  const prefix = `crct${process.pid}-${created}`;
  const stop = new AbortController();
  const state: ClusterState = {
    nodes: new FilledInformer(),
    peers: new FilledInformer(),
    services: new FilledInformer(),
    endpointSlices: new FilledInformer(),
  };
  state.nodes.addHandler({
    onAdd: (node) => state.peers.put(peerOf(node)),
    onUpdate: (_previous, node) => state.peers.put(peerOf(node)),
    onDelete: (node) => state.peers.drop(peerOf(node)),
  });
  const directory = await mkdtemp(join(tmpdir(), `${prefix}-`));
  const namespaces: string[] = [];
  const running: Promise<void>[] = [];
  const addNetns = async (name: string): Promise<string> => {
    await ip('netns', 'add', name);
    namespaces.push(name);
    await ip('-n', name, 'link', 'set', 'lo', 'up');
    return name;
  };
  const dispose = async (): Promise<void> => {
    stop.abort();
    await Promise.allSettled(running);
    for (const name of namespaces.reverse()) await ip('netns', 'del', name);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const fabric = await addNetns(`${prefix}-sw`);
    await ip('-n', fabric, 'link', 'add', 'switch', 'type', 'bridge');
    await ip('-n', fabric, 'link', 'set', 'switch', 'up');
    const outside = await addNetns(`${prefix}-out`);
    await plug(fabric, outside, 'p0', '172.30.0.250/24');
    const hosts: TestHost[] = [];
    for (let n = 1; n <= count; n += 1) {
      const netns = await addNetns(`${prefix}-h${n}`);
      await plug(fabric, netns, `p${n}`, `172.30.0.${n}/24`);
      state.nodes.put(aNode(n));
      hosts.push(startHost({ n, netns, directory, state, stop: stop.signal, running, addNetns }));
    }
    await Promise.all(hosts.map((host) => Promise.all([host.network.podsReady, host.network.servicesReady])));
    return { state, hosts, outside, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function plug(fabric: string, netns: string, port: string, address: string): Promise<void> {
  await ip('-n', fabric, 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns);
  await ip('-n', fabric, 'link', 'set', port, 'master', 'switch', 'up');
  await ip('-n', netns, 'addr', 'add', address, 'dev', 'eth0');
  await ip('-n', netns, 'link', 'set', 'eth0', 'up');
}

function startHost(options: {
  readonly n: number;
  readonly netns: string;
  readonly directory: string;
  readonly state: ClusterState;
  readonly stop: AbortSignal;
  readonly running: Promise<void>[];
  readonly addNetns: (name: string) => Promise<string>;
}): TestHost {
  const { n, netns, directory, state, running } = options;
  const name = `host-${n}`;
  const nodeIp = `172.30.0.${n}`;
  const commands = createKernelCommands(systemClock, ['nsenter', `--net=/run/netns/${netns}`]);
  const runDir = join(directory, name, 'run');
  const begin = (): { network: NodeNetwork; end: () => Promise<void> } => {
    const until = new AbortController();
    const network = createNodeNetwork({
      ...ranges,
      informers: state,
      nodeName: name,
      nodeIp,
      runDir,
      stateDir: join(directory, name, 'state'),
      clock: systemClock,
      logger: silentLogger,
      commands,
    });
    const run = network.run(AbortSignal.any([options.stop, until.signal]));
    running.push(run);
    return {
      network,
      end: () => {
        until.abort();
        return run;
      },
    };
  };
  let current = begin();
  return {
    name,
    ip: nodeIp,
    netns,
    commands,
    runDir,
    get network() {
      return current.network;
    },
    async addPod(podName, hostPort) {
      const pod = await options.addNetns(`${netns}-${podName}`);
      const portMappings =
        hostPort === undefined
          ? []
          : [{ hostPort, hostIp: '', containerPort: 8080, protocol: 'TCP' as const }];
      const { ips } = await current.network.podNetwork.attachPod({
        podUid: pod,
        namespace: 'default',
        name: podName,
        netnsPath: `/run/netns/${pod}`,
        portMappings,
      });
      return { ip: ips[0] ?? '', netns: pod };
    },
    async restart() {
      await current.end();
      current = begin();
      await Promise.all([current.network.podsReady, current.network.servicesReady]);
    },
  };
}

const created1 = '2026-01-01T00:00:00Z';

const peerOf = (node: Node): Peer => ({
  apiVersion: 'coracle.dev/v1',
  kind: peers.kind,
  metadata: node.metadata,
  ...peerFieldsOf(node),
});

function aNode(n: number): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: `host-${n}`, uid: `node-${n}`, resourceVersion: '1', creationTimestamp: created1 },
    spec: { podCIDR: `10.244.${n}.0/24`, podCIDRs: [`10.244.${n}.0/24`] },
    status: { addresses: [{ type: 'InternalIP', address: `172.30.0.${n}` }] },
  };
}

export function aService(name: string, clusterIP: string, spec: Partial<Service['spec']> = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: created1 },
    spec: {
      clusterIP,
      clusterIPs: [clusterIP],
      type: 'ClusterIP',
      ports: [{ port: 80, name: 'http' }],
      ...spec,
    },
  };
}

export interface TestEndpoint {
  readonly ip: string;
  readonly node?: string;
  readonly conditions?: {
    readonly ready?: boolean;
    readonly serving?: boolean;
    readonly terminating?: boolean;
  };
  readonly hostname?: string;
}

export function aSlice(
  service: string,
  endpoints: readonly TestEndpoint[],
  port: { readonly name?: string; readonly port?: number; readonly protocol?: string } = {},
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${service}-1`,
      namespace: 'default',
      uid: `${service}-1`,
      resourceVersion: '1',
      creationTimestamp: created1,
      labels: { 'kubernetes.io/service-name': service },
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP', ...port }],
    endpoints: endpoints.map(({ ip: address, node, conditions, hostname }) => ({
      addresses: [address],
      conditions: { ready: true, ...conditions },
      ...(node === undefined ? {} : { nodeName: node }),
      ...(hostname === undefined ? {} : { hostname }),
    })),
  };
}
