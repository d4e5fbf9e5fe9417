import { deployments, nodes } from '../api/generated/resources.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { ApiClient } from '../client/client.ts';
import { hollowLabel } from '../node-agent/hollow/node-shape.ts';
import { connect, probeApi, probeLeader, probeNamespaces, probeNode } from './api.ts';
import { applyExample, podAnswering } from './example.ts';
import { hollowUnits, waitForHollow } from './hollow.ts';
import { agentUnit, hostUnits } from './host-units.ts';
import { createIdentities } from './identities.ts';
import { prepareImages } from './images.ts';
import { readJoined } from './join/joined-host.ts';
import type { Layout } from './layout.ts';
import { freePorts, refuseUsedPort } from './ports.ts';
import { Progress } from './progress.ts';
import { publishForNodes } from './publish.ts';
import { refuseOverlap } from './ranges.ts';
import { ensureSupervisor } from './running.ts';
import { probeServerUnit } from './server-probes.ts';
import { serverUnits } from './server-units.ts';
import {
  type ClusterChoices,
  type ClusterSettings,
  differences,
  readCluster,
  type StoredCluster,
  writeCluster,
} from './settings.ts';
import { bootHost, newHost, readHosts, recordHost, stateOf } from './simulated-host.ts';
import { claimUnderlay, ensureWire, refuseForeignCluster, serverAddress, uplinkName } from './underlay.ts';
import { readUnits, runningPid, startedAtMs, writeUnit } from './units.ts';
import { UserError } from './user-error.ts';
import { waitForUnit, waitUntil } from './wait.ts';

const readyDeadlineMs = 60_000;

interface Up {
  readonly layout: Layout;
  readonly cluster: StoredCluster;
  readonly clock: Clock;
  readonly progress: Progress;
}

/** Brings the cluster up, or finds it up, and prints it. Safe to repeat after any failure. */
export async function bringUp(layout: Layout, settings: ClusterSettings): Promise<void> {
  const clock = systemClock;
  const progress = new Progress(clock);
  const cluster = await settle(layout, settings);
  const up: Up = { layout, cluster, clock, progress };
  await createIdentities(layout, settings, cluster.choices.underlay);
  await ensureSupervisor(layout, clock);
  const present = readUnits(layout);
  for (const unit of [...serverUnits(layout, settings, cluster.choices), ...hollowUnits(layout, cluster)])
    if (!present.has(unit.name)) writeUnit(layout, unit);
  progress.step(`starting ${settings.only.filter((part) => part !== 'hosts').join(', ')}`);
  const [client] = await Promise.all([waitForServers(up), settings.hosts > 0 ? startHosts(up) : undefined]);
  if (client === undefined) return;
  try {
    await Promise.all([waitForParts(up, client), publishForNodes(layout, cluster, client)]);
    if (settings.hosts > 0) await waitForHosts(up, client);
    if (settings.hollow > 0) await waitForHollowNodes(up, client);
    if (settings.example) {
      // Now, so that its replicas have all nodes to spread over.
      await applyExample(layout, client, settings.hollow > 0);
      await waitForExample(up, client);
    }
    await printCluster(up, client);
  } finally {
    client.close();
  }
}

/** What the cluster is: as it runs, or as asked. @throws UserError when the two differ, or the machine has no room. */
async function settle(layout: Layout, settings: ClusterSettings): Promise<StoredCluster> {
  await refuseForeignCluster(layout);
  const joined = readJoined(layout);
  if (joined !== undefined)
    throw new UserError(
      `this clone is node ${joined.nodeName} of ${joined.server}: deploy/host leave first, or use another --name`,
    );
  const stored = readCluster(layout);
  if (stored !== undefined) {
    const changed = differences(stored.settings, settings);
    if (changed.length === 0) {
      // Before any server starts: they listen on the machine's address on the wire.
      if (stored.choices.underlay !== undefined) await ensureWire(layout, stored.choices.underlay);
      return stored;
    }
    throw new UserError(
      `the cluster exists with other settings; run deploy/down first, or leave them as they are\n  ${changed.join('\n  ')}`,
    );
  }
  if (settings.only.includes('apiserver')) refuseUsedPort(settings.port);
  if (settings.hosts > 0)
    await refuseOverlap(uplinkName(layout.name), {
      '--service-cidr': settings.serviceCidr,
      '--pod-cidr': settings.podCidr,
    });
  const members = settings.only.includes('etcd') ? ([0, 1, 1, 3, 3, 5][settings.servers] ?? 1) : 0;
  const ports = await freePorts(members * 2);
  const choices: ClusterChoices = {
    underlay: settings.hosts > 0 ? await claimUnderlay(layout) : undefined,
    etcdPorts: Array.from({ length: members }, (_, index) => ({
      client: ports[index * 2] ?? 0,
      peer: ports[index * 2 + 1] ?? 0,
    })),
  };
  const cluster = { settings, choices };
  await writeCluster(layout, cluster);
  return cluster;
}

async function waitForServers({
  layout,
  cluster,
  clock,
  progress,
}: Up): Promise<(ApiClient & { close(): void }) | undefined> {
  if (!cluster.settings.only.includes('apiserver')) {
    for (const name of readUnits(layout).keys()) {
      await waitForUnit(layout, clock, name, readyDeadlineMs, async () => {
        if (runningPid(layout, name) === undefined) throw new Error('it does not run');
      });
    }
    return undefined;
  }
  const client = await connect(layout);
  const units = serverUnits(layout, cluster.settings, cluster.choices).map(({ name }) => name);
  await Promise.all(
    units.map((name) =>
      waitForUnit(layout, clock, name, readyDeadlineMs, () => probeServerUnit(layout, cluster, name)),
    ),
  );
  await waitForUnit(layout, clock, 'apiserver-1', readyDeadlineMs, () => probeApi(client));
  await waitForUnit(layout, clock, 'apiserver-1', readyDeadlineMs, () => probeNamespaces(client));
  progress.step('API ready');
  return client;
}

async function waitForParts({ layout, cluster, clock, progress }: Up, client: ApiClient): Promise<void> {
  const { servers, only } = cluster.settings;
  const leases = { scheduler: 'kube-scheduler', controllers: 'kube-controller-manager' } as const;
  for (const [part, lease] of Object.entries(leases)) {
    if (!only.some((each) => each === part)) continue;
    const units = Array.from({ length: servers }, (_, index) => `${part}-${index + 1}`);
    await waitForUnit(layout, clock, units[0] ?? part, readyDeadlineMs, () =>
      probeLeader(client, lease, Math.min(...units.map((unit) => startedAtMs(layout, unit)))),
    );
  }
  if (only.includes('scheduler')) progress.step('scheduler and controllers lead');
}

async function startHosts({ layout, cluster, progress }: Up): Promise<void> {
  const underlay = cluster.choices.underlay;
  if (underlay === undefined) return;
  const [hosts] = await Promise.all([
    recordedHosts(layout, cluster, underlay),
    prepareImages(layout, progress),
  ]);
  await Promise.all(
    hosts.map(async (host) => {
      const running = stateOf(host) === 'dead' ? await bootHost(layout, underlay, host) : host;
      const present = stateOf(host) === 'dead' ? new Map() : readUnits(layout);
      for (const unit of await hostUnits(layout, cluster, running))
        if (!present.has(unit.name)) writeUnit(layout, unit);
    }),
  );
  progress.step(`${hosts.length} hosts booted`);
}

/** Those of an earlier `up`, or new ones: the number asked for. */
async function recordedHosts(
  layout: Layout,
  cluster: StoredCluster,
  underlay: string,
): Promise<ReturnType<typeof readHosts>> {
  const known = readHosts(layout);
  const missing = Array.from({ length: cluster.settings.hosts }, (_, index) => index + 1).filter(
    (index) => !known.some((host) => host.index === index),
  );
  return [...known, ...missing.map((index) => recordHost(layout, newHost(underlay, `host-${index}`, index)))];
}

async function waitForHosts({ layout, clock, progress }: Up, client: ApiClient): Promise<void> {
  const running = readHosts(layout).filter((host) => stateOf(host) === 'running');
  await Promise.all(
    running.map((host) =>
      waitForUnit(layout, clock, agentUnit(host), readyDeadlineMs, () =>
        probeNode(client, host.name, startedAtMs(layout, agentUnit(host))),
      ),
    ),
  );
  progress.step(`${running.length} nodes Ready`);
}

async function waitForHollowNodes(
  { layout, cluster, clock, progress }: Up,
  client: ApiClient,
): Promise<void> {
  const ready = await waitForHollow(layout, clock, client, cluster.settings.hollow);
  progress.step(`${ready} hollow nodes Ready`);
}

async function waitForExample({ layout, clock, progress }: Up, client: ApiClient): Promise<void> {
  await waitUntil(clock, 'the nginx example is not available', readyDeadlineMs, async () => {
    const { spec, status } = await client.get(deployments, { namespace: 'default', name: 'nginx' });
    const available = status?.availableReplicas ?? 0;
    if (available < (spec?.replicas ?? 0))
      throw new Error(`${available} of ${spec?.replicas} replicas are available`);
  });
  const running = readHosts(layout).filter((host) => stateOf(host) === 'running');
  await Promise.all(
    running.map((host) =>
      waitUntil(clock, `node ${host.name} does not answer on port 80`, readyDeadlineMs, () =>
        podAnswering(host.address),
      ),
    ),
  );
  progress.step('nginx answers on port 80 of every node');
}

async function printCluster({ layout, cluster }: Up, client: ApiClient): Promise<void> {
  const { settings } = cluster;
  const list = await client.list(nodes, { labelSelector: `!${hollowLabel}` });
  const rows = list.items.map((node) => {
    const address = node.status?.addresses?.find((each) => each.type === 'InternalIP')?.address ?? '';
    return `  ${node.metadata.name.padEnd(12)} ${address.padEnd(16)} pods ${node.spec?.podCIDR ?? '-'}\n`;
  });
  const [first] = readHosts(layout);
  const named = layout.name === 'coracle' ? '' : ` --name ${layout.name}`;
  const lines = [
    `Cluster ${layout.name}: https://127.0.0.1:${settings.port}, kubeconfig ${layout.kubeconfig}\n`,
    ...rows,
    ...(settings.hollow > 0 ? [`  hollow-1 to hollow-${settings.hollow}\n`] : []),
    '\nTry next:\n',
    `  export KUBECONFIG=${layout.kubeconfig}\n`,
    '  bin/kubectl-lite get nodes,pods,services -o wide\n',
    ...(first === undefined
      ? []
      : [
          `  curl http://${first.address}/\n`,
          `  deploy/host kill ${first.name}${named}    # and watch its pods start elsewhere\n`,
        ]),
    ...(serverAddress(settings, cluster.choices.underlay) === undefined
      ? []
      : ['  bin/kubectl-lite join-command    # prints the line by which another machine joins\n']),
    `  deploy/down${named}\n`,
  ];
  process.stdout.write(lines.join(''));
}
