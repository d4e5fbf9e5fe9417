import { nodes } from '../api/generated/resources.ts';
import { isNotFound } from '../api/status-error.ts';
import { systemClock } from '../base/clock.ts';
import { connect, probeNode } from './api.ts';
import { hollowIndex, hollowStates, switchHollow } from './hollow.ts';
import { agentUnit, guardUnit, hostUnits } from './host-units.ts';
import { admitHost, hasIdentity } from './join/admit-host.ts';
import { readJoined } from './join/joined-host.ts';
import type { Layout } from './layout.ts';
import { readCluster, type StoredCluster } from './settings.ts';
import {
  bootHost,
  findHost,
  killHost,
  newHost,
  readHosts,
  recordHost,
  type SimulatedHost,
  stateOf,
} from './simulated-host.ts';
import { setHostLink } from './underlay.ts';
import { removeUnit, writeUnit } from './units.ts';
import { UserError } from './user-error.ts';
import { waitForUnit } from './wait.ts';

const readyDeadlineMs = 60_000;

interface HostContext {
  readonly layout: Layout;
  readonly cluster: StoredCluster;
  readonly underlay: string;
}

const actions: Readonly<Record<string, (context: HostContext, name: string) => Promise<void>>> = {
  add,
  kill,
  start,
  cut,
  heal,
};

/** `ls`, or one action on one host; returns when it is done. */
export async function runHostCommand(layout: Layout, operands: readonly string[]): Promise<void> {
  const [action = 'ls', name, ...rest] = operands;
  if (rest.length > 0) throw new UserError(`host ${action}: takes one name, not ${rest.length + 1}`, 2);
  const joined = readJoined(layout);
  if (joined !== undefined)
    throw new UserError(
      `this machine is node ${joined.nodeName} of ${joined.server}: deploy/host join starts what does not run, deploy/host leave takes it away`,
    );
  const cluster = readCluster(layout);
  if (cluster === undefined || (cluster.choices.underlay === undefined && cluster.settings.hollow === 0))
    throw new UserError('no cluster with hosts is up: run deploy/up');
  if (action === 'ls') return list(layout, cluster);
  const run = actions[action];
  if (run === undefined)
    throw new UserError(
      `host: unknown action "${action}" (ls, ${Object.keys(actions).join(', ')}, join, leave)`,
      2,
    );
  if (name === undefined && action !== 'add') throw new UserError(`host ${action}: which host?`, 2);
  if (name !== undefined && hollowIndex(cluster, name) !== undefined)
    return say(await switchHollow(layout, cluster, action, name));
  const { underlay } = cluster.choices;
  if (underlay === undefined)
    throw new UserError(`no host ${name ?? ''}: this cluster has only hollow nodes`);
  await run({ layout, cluster, underlay }, name ?? nextName(layout));
}

function nextName(layout: Layout): string {
  const taken = new Set(readHosts(layout).map((host) => host.name));
  let index = 1;
  while (taken.has(`host-${index}`)) index += 1;
  return `host-${index}`;
}

async function list(layout: Layout, cluster: StoredCluster): Promise<void> {
  const client = await connect(layout);
  try {
    const known = await client.list(nodes).then(
      (answer) =>
        new Map(
          answer.items.map((node) => [
            node.metadata.name,
            node.status?.conditions?.find((each) => each.type === 'Ready')?.status,
          ]),
        ),
      () => new Map<string, string | undefined>(),
    );
    const words: Readonly<Record<string, string>> = { True: 'Ready', False: 'NotReady', Unknown: 'Unknown' };
    const hollow = hollowStates(layout, cluster).map(([name, state]) => [name, 'hollow', state]);
    const hosts = readHosts(layout).map((host) => [host.name, host.address, stateOf(host)]);
    const rows = [...hosts, ...hollow].map((row) => [...row, words[known.get(row[0] ?? '') ?? ''] ?? '-']);
    const lines = [['NAME', 'ADDRESS', 'STATE', 'NODE'], ...rows].map(
      ([host = '', address = '', state = '', node = '']) =>
        `${host.padEnd(12)} ${address.padEnd(16)} ${state.padEnd(8)} ${node}`.trimEnd(),
    );
    process.stdout.write(`${lines.join('\n')}\n`);
  } finally {
    client.close();
  }
}

async function add(context: HostContext, name: string): Promise<void> {
  const { layout, underlay } = context;
  const hosts = readHosts(layout);
  if (!/^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$/.test(name))
    throw new UserError(`host add: "${name}" is not a node name`, 2);
  if (hosts.some((host) => host.name === name)) throw new UserError(`host add: "${name}" exists`);
  const numbered = /^host-(\d{1,3})$/.exec(name)?.[1];
  const taken = new Set(hosts.map((host) => host.index));
  let index = numbered !== undefined && !taken.has(Number(numbered)) ? Number(numbered) : 1;
  while (taken.has(index)) index += 1;
  if (index > 240) throw new UserError('host add: the wire has room for 240 hosts');
  const host = recordHost(layout, newHost(underlay, name, index));
  await power(context, host);
  say(`host ${name} is running at ${host.address}, its node Ready`);
}

async function start(context: HostContext, name: string): Promise<void> {
  const host = findHost(context.layout, name);
  if (stateOf(host) !== 'dead') return heal(context, name);
  await power(context, host);
  say(`host ${name} is running, its node Ready`);
}

/** What was done; what follows from it is for the cluster to show. */
const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function power(context: HostContext, host: SimulatedHost): Promise<void> {
  const { layout, cluster, underlay } = context;
  const booted = await bootHost(layout, underlay, host);
  // A host that has its identity keeps it; a new one joins by the way that machines of the network go.
  if (!hasIdentity(layout, host)) await admitHost(layout, cluster, host);
  for (const unit of await hostUnits(layout, cluster, booted)) writeUnit(layout, unit);
  await untilReady(layout, booted);
}

async function kill({ layout }: HostContext, name: string): Promise<void> {
  const host = findHost(layout, name);
  if (stateOf(host) === 'dead') return say(`host ${name} is dead already`);
  await killHost(layout, systemClock, host);
  for (const unit of [agentUnit(host), guardUnit(host)]) removeUnit(layout, unit);
  say(`host ${name} is dead: no process and no packet of it is left`);
}

async function cut({ layout }: HostContext, name: string): Promise<void> {
  const host = findHost(layout, name);
  if (stateOf(host) === 'dead') throw new UserError(`host ${name} is dead`);
  await setHostLink(layout, host.index, 'down');
  recordHost(layout, { ...host, cut: true });
  const was = stateOf(host) === 'cut' ? 'was cut already' : 'is cut: it runs, and no packet passes';
  say(`host ${name} ${was}`);
}

async function heal({ layout }: HostContext, name: string): Promise<void> {
  const host = findHost(layout, name);
  if (stateOf(host) === 'dead') throw new UserError(`host ${name} is dead: use deploy/host start ${name}`);
  await setHostLink(layout, host.index, 'up');
  recordHost(layout, { ...host, cut: false });
  await untilReady(layout, host);
  say(
    `host ${name} ${stateOf(host) === 'cut' ? 'is on the network again' : 'was on the network'}, its node Ready`,
  );
}

async function untilReady(layout: Layout, host: SimulatedHost): Promise<void> {
  const client = await connect(layout);
  try {
    await waitForUnit(layout, systemClock, agentUnit(host), readyDeadlineMs, () =>
      probeNode(client, host.name).catch((error: unknown) => {
        if (isNotFound(error)) throw new Error(`node ${host.name} has not registered`);
        throw error;
      }),
    );
  } finally {
    client.close();
  }
}
