/** Hollow nodes: nodes that are only told of, many to a process, for a cluster larger than the machine. */
import { join } from 'node:path';
import type { Node } from '../api/generated/core-v1.ts';
import { nodes } from '../api/generated/resources.ts';
import { type Clock, delay, systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import { systemRandom } from '../base/random.ts';
import type { ApiClient } from '../client/client.ts';
import { Informer } from '../client/informer.ts';
import { hollowLabel, isShownReady } from '../node-agent/hollow/node-shape.ts';
import { type PowerTable, readApplied, readWanted, writeWanted } from '../node-agent/hollow/power-file.ts';
import { connect, probeNode } from './api.ts';
import { cgroupPath } from './cgroups.ts';
import { hollowIdentitiesFile } from './hollow-identities.ts';
import { hollowProcesses, hollowUnitOf } from './hollow-processes.ts';
import type { Layout } from './layout.ts';
import { detectorEndpoints, programCommand, serverGroup } from './server-units.ts';
import type { StoredCluster } from './settings.ts';
import type { Unit } from './units.ts';
import { UserError } from './user-error.ts';
import { waitForUnit } from './wait.ts';

const readyDeadlineMs = 60_000;
const readyDeadlinePerNodeMs = 120;
const appliedDeadlineMs = 10_000;

const powerDir = (layout: Layout, unit: string): string => join(layout.state, 'hollow', unit);

export function hollowUnits(layout: Layout, { settings, choices }: StoredCluster): Unit[] {
  const detectors = detectorEndpoints(settings, choices);
  return hollowProcesses(settings.hollow).map(({ unit, first, count }) => ({
    name: unit,
    cgroup: cgroupPath(layout.name, serverGroup),
    command: programCommand(layout, 'hollow-nodes', {
      identities: hollowIdentitiesFile(layout, unit),
      first: String(first),
      count: String(count),
      detector: detectors.join(','),
      'beat-key-file': join(layout.pki, 'beat.key'),
      'power-dir': powerDir(layout, unit),
    }),
  }));
}

/** Waits until all nodes that are switched on are Ready. */
export async function waitForHollow(
  layout: Layout,
  clock: Clock,
  client: ApiClient,
  hollow: number,
): Promise<number> {
  const dark = hollowProcesses(hollow).flatMap(({ unit }) => Object.keys(readWanted(powerDir(layout, unit))));
  const expected = hollow - dark.length;
  const stop = new AbortController();
  const informer = new Informer<Node>({
    client,
    type: nodes,
    selection: { labelSelector: `${hollowLabel}=true` },
    clock,
    random: systemRandom,
    logger: silentLogger,
  });
  const following = informer.run(stop.signal);
  try {
    await waitForUnit(
      layout,
      clock,
      hollowUnitOf(1),
      readyDeadlineMs + hollow * readyDeadlinePerNodeMs,
      async () => {
        const ready = informer.lister.list().filter(isReadyAndFree).length;
        if (ready < expected) throw new Error(`${ready} of ${expected} hollow nodes are Ready`);
      },
    );
  } finally {
    stop.abort();
    await following;
  }
  return expected;
}

const isReadyAndFree = (node: Node): boolean => isShownReady(node) && node.spec.podCIDR !== undefined;

/** The number of a hollow node of this cluster; undefined for any other name. */
export function hollowIndex(cluster: StoredCluster, name: string): number | undefined {
  const index = Number(/^hollow-([1-9]\d{0,5})$/.exec(name)?.[1]);
  return index <= cluster.settings.hollow ? index : undefined;
}

/** Name and state of every hollow node. */
export function hollowStates(layout: Layout, { settings }: StoredCluster): [string, string][] {
  const words = { on: 'running', dead: 'dead', cut: 'cut' } as const;
  const tables = new Map(
    hollowProcesses(settings.hollow).map(({ unit }) => [unit, readWanted(powerDir(layout, unit))]),
  );
  return Array.from({ length: settings.hollow }, (_, n) => {
    const name = `hollow-${n + 1}`;
    return [name, words[tables.get(hollowUnitOf(n + 1))?.[name] ?? 'on']];
  });
}

/** `kill`, `start`, `cut` or `heal` of one hollow node; returns when it is done, with what it is now. */
export async function switchHollow(
  layout: Layout,
  cluster: StoredCluster,
  action: string,
  name: string,
): Promise<string> {
  const index = hollowIndex(cluster, name) ?? 0;
  const directory = powerDir(layout, hollowUnitOf(index));
  const { [name]: before = 'on', ...others } = readWanted(directory);
  if (action === 'add') throw new UserError(`host add: "${name}" exists`);
  if (before === 'dead' && action === 'cut') throw new UserError(`host ${name} is dead`);
  if (before === 'dead' && action === 'heal')
    throw new UserError(`host ${name} is dead: use deploy/host start ${name}`);
  const after = action === 'kill' ? 'dead' : action === 'cut' ? 'cut' : 'on';
  await apply(layout, index, after === 'on' ? others : { ...others, [name]: after });
  if (after !== 'on') return `hollow node ${name} is ${after}`;
  const client = await connect(layout);
  try {
    await waitForUnit(layout, systemClock, hollowUnitOf(index), readyDeadlineMs, () =>
      probeNode(client, name),
    );
  } finally {
    client.close();
  }
  return `hollow node ${name} is running, its node Ready`;
}

async function apply(layout: Layout, index: number, table: PowerTable): Promise<void> {
  const directory = powerDir(layout, hollowUnitOf(index));
  writeWanted(directory, table);
  const wanted = JSON.stringify(table);
  await waitForUnit(layout, systemClock, hollowUnitOf(index), appliedDeadlineMs, async () => {
    if (JSON.stringify(readApplied(directory)) !== wanted) throw new Error('it has not taken the change up');
    await delay(systemClock, 0);
  });
}
