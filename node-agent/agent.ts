/**
 * The agent put together: what it follows in the API, what it drives on the host, and who wakes whom.
 *
 * INVARIANTS: nothing is started for a pod before what runs on the node has been read; whatever ends this process
 * leaves containers, network and volumes as they are.
 */
import { join } from 'node:path';
import type { Node } from '../api/generated/core-v1.ts';
import { localVolumesAnnotation } from '../api/volume-claim.ts';
import type { LoadFigures } from '../base/beat-renewal.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import type { ApiClient } from '../client/client.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import type { AgentFlags } from './agent-flags.ts';
import { startNodeCertificates } from './certificates/node-certificates.ts';
import { EndpointDepartures } from './endpoint-departures.ts';
import { createFollowed, type Followed } from './followed.ts';
import { createHostRuntime, type HostRuntime } from './host-runtime.ts';
import { runImageGarbage } from './image-garbage.ts';
import { createNodeNetwork, type NodeNetwork } from './network/node-network.ts';
import { NodeReader } from './node-reader.ts';
import type { PingPace } from './ping-pace.ts';
import type { PodDependencies } from './pod/pod-run.ts';
import { PodWorkers } from './pod/pod-workers.ts';
import { readPodNode } from './pod-node.ts';
import { createProbeChecks } from './probe/probe-checks.ts';
import { AgentMetrics } from './server/agent-metrics.ts';
import { runAgentServer } from './server/agent-server.ts';
import { runLogRotation } from './server/log-rotation.ts';
import { NodeAccess } from './server/node-access.ts';
import { StatsSummary } from './server/stats-summary.ts';
import { runNodeLease } from './status/node-lease.ts';
import { NodeLoad } from './status/node-load.ts';
import { NodeRegistration } from './status/node-registration.ts';
import { StatusWriter } from './status/status-writer.ts';
import { imagesOfVolumes } from './volume/image-volume.ts';
import { LocalVolumes } from './volume/local-volumes.ts';
import { ObjectReferences } from './volume/object-references.ts';
import { PodDirectories } from './volume/pod-directories.ts';
import { PodVolumes } from './volume/pod-volumes.ts';
import { ServiceAccountTokens } from './volume/service-account-tokens.ts';

export interface AgentOptions {
  readonly flags: AgentFlags;
  readonly client: ApiClient;
  /** Of the client's pings. */
  readonly pace?: PingPace | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Runs until `signal` aborts. */
export async function runAgent(options: AgentOptions, signal: AbortSignal): Promise<void> {
  const { flags, clock, logger } = options;
  const tasks = new TaskGroup(signal);
  const followed = createFollowed({ ...options, nodeName: flags.nodeName });
  options.pace?.follow(() => followed.peers.lister.size);
  for (const informer of Object.values(followed)) tasks.start((until) => informer.run(until));
  const network = createNetwork(options, followed);
  tasks.start((until) => network.run(until));
  const host = await createHostRuntime({ flags, network: network.podNetwork, clock, logger });
  tasks.start((until) => host.runtime.run(until));
  const reader = await NodeReader.create({ flags, ...host, clock });
  const load = new NodeLoad(reader.usage, () => clock.monotonicMs());
  await load.read();
  const registration = startNode({ options, followed, network, reader, load, tasks });
  const logRoot = join(flags.rootDir, 'logs/pods');
  const parts = { options, followed, network, host, reader, registration, logRoot, tasks };
  const workers = await startWorkers(parts);
  const certified = startNodeCertificates(options, registration.registered, tasks);
  startServices({ options, host, reader, workers, logRoot, certified, tasks });
  await tasks.join();
}

function createNetwork({ flags, clock, logger }: AgentOptions, followed: Followed): NodeNetwork {
  return createNodeNetwork({
    informers: followed,
    nodeName: flags.nodeName,
    nodeIp: flags.nodeIp,
    clusterCidr: flags.clusterCidr,
    serviceCidr: flags.serviceCidr,
    clusterDns: flags.clusterDns[0] ?? '',
    runDir: flags.runDir,
    stateDir: flags.rootDir,
    reservedPorts: [flags.port],
    clock,
    logger: logger.child({ part: 'network' }),
  });
}

interface NodeParts {
  readonly options: AgentOptions;
  readonly followed: Followed;
  readonly network: NodeNetwork;
  readonly reader: NodeReader;
  readonly load: NodeLoad;
  readonly tasks: TaskGroup;
}

const localVolumeRoot = ({ rootDir }: AgentFlags): string => join(rootDir, 'local-volumes');

/** The Node, its status and its lease. */
function startNode({ options, followed, network, reader, load, tasks }: NodeParts): NodeRegistration {
  const { flags, logger } = options;
  const { nodeName, nodeLabels } = flags;
  const registration = new NodeRegistration({
    ...options,
    nodeName,
    labels: nodeLabels,
    annotations: { [localVolumesAnnotation]: localVolumeRoot(flags) },
    known: () => followed.nodes.lister.get(undefined, nodeName),
    read: (previous) => reader.read(previous),
  });
  const wake = (): void => registration.wake();
  followed.nodes.addHandler({ onAdd: wake, onUpdate: wake, onDelete: wake });
  network.podsReady
    .then(() => {
      reader.isNetworkReady = true;
      registration.wake();
    })
    .catch((error: unknown) => logger.error({ err: error }, 'the pod network does not come up'));
  tasks.start((until) => registration.run(until));
  tasks.start(async (until) => {
    await Promise.race([registration.registered, aborted(until)]);
    const nodeUid = (): string | undefined => registration.node?.metadata.uid;
    const lease = {
      ...{ ...options, nodeName, nodeUid },
      load: () => load.read(),
      renewTogether: (figures: LoadFigures | undefined) => network.renewLease(figures),
    };
    await runNodeLease(lease, until);
  });
  return registration;
}

interface WorkerParts {
  readonly options: AgentOptions;
  readonly followed: Followed;
  readonly network: NodeNetwork;
  readonly host: HostRuntime;
  readonly reader: NodeReader;
  readonly registration: NodeRegistration;
  readonly logRoot: string;
  readonly tasks: TaskGroup;
}

async function startWorkers(parts: WorkerParts): Promise<PodWorkers> {
  const { options, followed, registration, tasks } = parts;
  const objects = new ObjectReferences({ ...options, onChange: (uid) => workers.refreshVolumes(uid) });
  const statuses = new StatusWriter(options);
  const workers: PodWorkers = new PodWorkers({
    dependencies: await podDependencies(parts, objects, statuses),
    pods: followed.pods.lister,
    node: () => registration.node ?? unregisteredNode(options.flags.nodeName),
  });
  followed.pods.addHandler({
    onAdd: (pod) => workers.upsert(pod),
    onUpdate: (_previous, pod) => workers.upsert(pod),
    onDelete: (pod) => workers.remove(pod),
  });
  tasks.start(async (until) => {
    const { pods, services, nodes } = followed;
    await Promise.all([pods, services, nodes].map((informer) => informer.whenSynced(until)));
    await Promise.race([registration.registered, aborted(until)]);
    if (!until.aborted) await workers.run(until);
    statuses.stop();
    await objects.stop();
  });
  return workers;
}

async function podDependencies(
  { options, followed, network, host, reader, registration, logRoot, tasks }: WorkerParts,
  objects: ObjectReferences,
  statuses: StatusWriter,
): Promise<PodDependencies> {
  const { flags, client, clock, logger } = options;
  const events = new EventRecorder({ ...options, component: 'kubelet', host: flags.nodeName });
  tasks.start((until) => events.run(until));
  const directories = new PodDirectories({ rootDir: flags.rootDir, runDir: flags.runDir, logRoot });
  const localVolumes = new LocalVolumes({ ...options, root: localVolumeRoot(flags) });
  tasks.start((until) => localVolumes.run(until));
  return {
    client,
    ...host,
    volumes: new PodVolumes({
      directories,
      tokens: new ServiceAccountTokens(client, clock),
      localVolumes,
      images: host.images,
    }),
    directories,
    objects,
    services: () => followed.services.lister.list(),
    checks: createProbeChecks(host.runtime, clock),
    departures: new EndpointDepartures({
      endpointSlices: followed.endpointSlices,
      nodeName: flags.nodeName,
      whenReachedEverywhere: (version, signal) => network.whenReachedEverywhere(version, signal),
      clock,
      logger,
    }),
    statuses,
    events,
    node: await readPodNode({ flags, logRoot, capacity: reader.capacity, node: () => registration.node }),
    clock,
    logger,
  };
}

interface ServiceParts {
  readonly options: AgentOptions;
  readonly host: HostRuntime;
  readonly reader: NodeReader;
  readonly workers: PodWorkers;
  readonly logRoot: string;
  /** Resolves when there is a certificate to serve with. */
  readonly certified: Promise<void>;
  readonly tasks: TaskGroup;
}

/** What serves people rather than pods. */
function startServices({ options, host, reader, workers, logRoot, certified, tasks }: ServiceParts): void {
  const { flags, clock, logger } = options;
  const { runtime, images } = host;
  const context = {
    workers,
    runtime,
    logRoot,
    stats: new StatsSummary({ workers, runtime, nodeName: flags.nodeName, readUsage: reader.usage, clock }),
    metrics: new AgentMetrics(workers),
    access: new NodeAccess({ ...options, nodeName: flags.nodeName }),
    clock,
    logger: logger.child({ part: 'server' }),
  };
  tasks.start(async (until) => {
    await Promise.race([certified, aborted(until)]);
    if (!until.aborted) await runAgentServer(flags, context, until);
  });
  const { logLimits, imageThresholds: thresholds } = flags;
  tasks.start((until) => runLogRotation({ ...context, limits: logLimits }, until));
  const garbage = {
    workers,
    images,
    imagesOfVolumes: () => imagesOfVolumes(flags.rootDir),
    thresholds,
    clock,
    logger,
  };
  tasks.start((until) => runImageGarbage(garbage, until));
}

/** Workers do not run before the node is registered; nothing is admitted to this one. */
function unregisteredNode(name: string): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, uid: '', creationTimestamp: '', resourceVersion: '0' },
    spec: {},
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
