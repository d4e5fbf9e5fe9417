/** `deploy/host join`: this machine becomes a node of a cluster that it reaches over the network alone. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { hostname } from 'node:os';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { type BootstrapToken, parseBootstrapToken } from '../../client/cluster-info.ts';
import { probeNode } from '../api.ts';
import { cgroupPath, createCgroup } from '../cgroups.ts';
import { agentUnit, nodeUnits } from '../host-units.ts';
import { prepareImages } from '../images.ts';
import type { Layout } from '../layout.ts';
import { Progress } from '../progress.ts';
import { ensureSupervisor } from '../running.ts';
import { readCluster } from '../settings.ts';
import { hostDirectory } from '../simulated-host.ts';
import { readUnits, startedAtMs, writeUnit } from '../units.ts';
import { UserError } from '../user-error.ts';
import { waitForUnit } from '../wait.ts';
import { discover } from './discovery.ts';
import { acquireIdentity, connectAsNode, hasLivingCertificate } from './identity.ts';
import { type JoinedHost, readJoined, writeJoined } from './joined-host.ts';

const defaultTimeoutSeconds = 120;
const readyDeadlineMs = 60_000;
const nodeNamePattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

interface JoinRequest {
  readonly server: string;
  readonly token: BootstrapToken;
  readonly caHash: string;
  readonly nodeName: string | undefined;
  readonly nodeIp: string | undefined;
  readonly timeoutMs: number;
}

/** Safe to repeat after any failure; on a machine that has joined it starts what does not run. */
export async function joinHost(
  layout: Layout,
  clock: Clock,
  { values, operands }: { readonly values: OptionValues; readonly operands: readonly string[] },
): Promise<void> {
  if (readCluster(layout) !== undefined)
    throw new UserError(
      `host join: this clone runs the cluster ${layout.name} itself; use deploy/host add, or another --name`,
    );
  const known = readJoined(layout);
  const progress = new Progress(clock);
  const goesOn =
    known !== undefined && isSameCluster(known, operands) && (await isLetIn(layout, clock, known, operands));
  const joined = goesOn
    ? known
    : await acquire({ layout, clock, progress }, { ...requestOf(values, operands), ...named(known) });
  await start({ layout, clock, progress }, joined);
}

/** Without operands, or with the server that it has joined. @throws UserError */
function isSameCluster(known: JoinedHost, [server]: readonly string[]): boolean {
  if (server === undefined || new URL(known.server).host === server) return true;
  throw new UserError(
    `host join: this machine is node ${known.nodeName} of ${known.server}: deploy/host leave first`,
  );
}

/** Whether its certificate is good; one that has ended needs a token, and so the whole line. @throws UserError */
async function isLetIn(
  layout: Layout,
  clock: Clock,
  { nodeName }: JoinedHost,
  operands: readonly string[],
): Promise<boolean> {
  if (await hasLivingCertificate(hostDirectory(layout, nodeName), clock)) return true;
  if (operands.length > 0) return false;
  throw new UserError(
    `host join: the certificate of node ${nodeName} has ended: "kubectl delete node ${nodeName}", then join again with the line that "kubectl-lite join-command" prints`,
  );
}

/** A machine that joins again is the same node. */
const named = (known: JoinedHost | undefined): Partial<Pick<JoinRequest, 'nodeName' | 'nodeIp'>> =>
  known === undefined ? {} : { nodeName: known.nodeName, nodeIp: known.nodeIp };

function requestOf(values: OptionValues, operands: readonly string[]): JoinRequest {
  const [server, ...rest] = operands;
  const text = (name: string): string | undefined => {
    const value = values[name];
    return typeof value === 'string' ? value : undefined;
  };
  if (server === undefined || rest.length > 0)
    throw new UserError('host join: which server (ADDRESS:PORT)?', 2);
  if (!/^[^\s:/]+:\d{1,5}$/.test(server))
    throw new UserError(`host join: "${server}" is not ADDRESS:PORT`, 2);
  const token = parseBootstrapToken(text('token') ?? '');
  if (token === undefined)
    throw new UserError(
      'host join: --token is to be [a-z0-9]{6}.[a-z0-9]{16}, as kubectl-lite join-command prints it',
      2,
    );
  const caHash = text('ca-cert-hash') ?? '';
  if (!/^sha256:[0-9a-f]{64}$/i.test(caHash))
    throw new UserError('host join: --ca-cert-hash is to be sha256: and 64 hexadecimal digits', 2);
  const nodeName = text('node-name');
  if (nodeName !== undefined && !nodeNamePattern.test(nodeName))
    throw new UserError(`host join: "${nodeName}" is not a node name`, 2);
  const seconds = Number(text('timeout') ?? defaultTimeoutSeconds);
  return { server, token, caHash, nodeName, nodeIp: text('node-ip'), timeoutMs: seconds * 1000 };
}

interface Acquiring {
  readonly layout: Layout;
  readonly clock: Clock;
  readonly progress: Progress;
}

async function acquire({ layout, clock, progress }: Acquiring, request: JoinRequest): Promise<JoinedHost> {
  const { token } = request;
  const late = new AbortController();
  const timer = clock.setTimer(request.timeoutMs, () => late.abort(new Error('time is up')), { unref: true });
  try {
    const nodeName = request.nodeName ?? ownName();
    const nodeIp = request.nodeIp ?? (await ownAddress(request.server));
    const info = await discover({ ...request, clock }, late.signal);
    progress.step(`${request.server} is the cluster that was meant`);
    const directory = hostDirectory(layout, nodeName);
    const identity = { cluster: layout.name, nodeName, directory, info, clock };
    const config = await acquireIdentity({ ...identity, token: `${token.id}.${token.secret}` }, late.signal);
    progress.step(`${nodeName} has its certificate`);
    const joined = { server: info.server, nodeName, nodeIp, config };
    await writeJoined(layout, joined);
    return joined;
  } finally {
    timer.cancel();
  }
}

function ownName(): string {
  const name = hostname().toLowerCase().split('.')[0] ?? '';
  if (nodeNamePattern.test(name)) return name;
  throw new UserError(`host join: this machine's name "${name}" is no node name: use --node-name`);
}

/** The address from which the machine reaches `server`; nothing is sent to find out. */
async function ownAddress(server: string): Promise<string> {
  const [host = '', port = ''] = server.split(':');
  const socket = createSocket('udp4');
  try {
    socket.connect(Number(port), host);
    await once(socket, 'connect');
    return socket.address().address;
  } catch (error) {
    throw new UserError(`host join: no way to ${host}: ${String(error)}`);
  } finally {
    socket.close();
  }
}

async function start(
  { layout, clock, progress }: Acquiring,
  { nodeName, nodeIp, config }: JoinedHost,
): Promise<void> {
  createCgroup(cgroupPath(layout.name, nodeName));
  await ensureSupervisor(layout, clock);
  const node = { name: nodeName, address: nodeIp, index: 1 };
  const present = readUnits(layout);
  for (const unit of nodeUnits(layout, node, config)) if (!present.has(unit.name)) writeUnit(layout, unit);
  const client = await connectAsNode(hostDirectory(layout, nodeName), clock);
  try {
    await waitForUnit(layout, clock, agentUnit(node), readyDeadlineMs, () =>
      probeNode(client, nodeName, startedAtMs(layout, agentUnit(node))),
    );
  } finally {
    client.close();
  }
  progress.step(`node ${nodeName} (${nodeIp}) is Ready`);
  await offerExampleImage(layout, progress);
}

/** A node works without it: only the cluster's nginx example asks for it, and no registry has it. */
async function offerExampleImage(layout: Layout, progress: Progress): Promise<void> {
  try {
    await prepareImages(layout, progress);
  } catch (error) {
    progress.step(`the nginx example cannot run here, for want of its image: ${messageOf(error)}`);
  }
}
