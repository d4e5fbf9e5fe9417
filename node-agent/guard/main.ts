import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { delay, systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { createLogger, type Logger } from '../../base/logger.ts';
import { runProgram } from '../../base/process.ts';
import { systemRandom } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Beats } from './beats.ts';
import { DnsForwarder } from './dns-forwarder.ts';
import { DnsServer } from './dns-server.ts';
import { DnsZone } from './dns-zone.ts';
import { type GuardFlags, parseGuardFlags } from './guard-flags.ts';
import { guardSocketPath } from './guard-protocol.ts';
import { GuardSocket } from './guard-socket.ts';
import { GuardState } from './guard-state.ts';
import { upstreamsOf } from './resolv-conf.ts';

const dnsPort = 53;
/** A DHCP client may write another resolv.conf at any time. */
const resolvConfEveryMs = 10_000;

async function runGuard(flags: GuardFlags, logger: Logger, signal: AbortSignal): Promise<void> {
  const clock = systemClock;
  const serial = Math.floor(clock.nowMs() / 1000);
  const zone = new DnsZone({ domain: flags.clusterDomain, serial, random: systemRandom });
  const state = new GuardState({ zone, path: join(flags.stateDir, 'names.json'), clock, logger });
  const forwarder = new DnsForwarder({ clock, logger });
  await state.load();
  const beats = new Beats({
    nodeName: flags.nodeName,
    key: flags.beatKey,
    detectors: flags.detectors,
    address: flags.nodeIp,
    content: () => state,
    onLeastVersion: (leastVersion) => socket.tell({ leastVersion }),
    onRenewed: (renewed) => socket.tell({ renewed }),
    clock,
    random: systemRandom,
    logger,
  });
  const socket: GuardSocket = new GuardSocket({
    path: guardSocketPath(flags.runDir),
    apply: (update) => {
      if (update.renew !== undefined) return beats.renew(update.renew.id, update.renew.load);
      state.apply(update);
      if (update.awaitedVersion !== undefined && update.awaitedVersion !== 0) beats.ask();
      else if (update.dataPlaneVersion !== undefined) beats.versionRose();
    },
    onAgentCame: () => state.agentCame(),
    onAgentGone: () => {
      state.agentGone();
      beats.dropRenewal();
    },
    logger,
  });
  const dns = new DnsServer({ zone, forwarder, address: flags.clusterDns, port: dnsPort, clock, logger });
  const tasks = new TaskGroup(signal);
  tasks.start((until) => beats.run(until));
  tasks.start((until) => dns.run(until));
  tasks.start((until) => state.run(until));
  tasks.start((until) => followResolvConf(flags, forwarder, logger, until));
  tasks.start((until) => socket.run(until));
  await tasks.join();
  forwarder.close();
}

async function followResolvConf(
  flags: GuardFlags,
  forwarder: DnsForwarder,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const text = await readFile(flags.resolvConf, 'utf8');
      forwarder.setUpstreams(upstreamsOf(text, [flags.clusterDns, flags.nodeIp]));
    } catch (error) {
      // No file, no upstreams: names outside the cluster are answered with SERVFAIL.
      logger.debug({ reason: messageOf(error) }, 'read the upstream name servers');
    }
    await delay(systemClock, resolvConfEveryMs, signal);
  }
}

function flagsOrExit(): GuardFlags {
  try {
    return parseGuardFlags(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`node-guard: ${messageOf(error)}\n`);
    process.exit(2);
  }
}

const flags = flagsOrExit();
const logger = createLogger({ component: 'node-guard' }).child({ node: flags.nodeName });
await runProgram(logger, (signal) => runGuard(flags, logger, signal));
