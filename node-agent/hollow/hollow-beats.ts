import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { beatPeriodMs, encodeBeat, nextBeatSequence, nodeIdIn, type Origin } from '../../base/beat.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { AwaitedRenewal } from '../guard/awaited-renewal.ts';
import type { Detector } from '../guard/beats.ts';
import { Renewals } from '../guard/renewals.ts';
import type { HollowNode } from './hollow-node.ts';
import { Rota } from './rota.ts';

/** What the detector confirms comes at once for some hundred nodes. */
const receiveBufferBytes = 4 * 1024 * 1024;
const leastAnswerBytes = 8;

export interface HollowBeatsOptions {
  readonly nodes: readonly HollowNode[];
  readonly detectors: readonly Detector[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A node's guard as far as Leases go, and its agent's wait for it. */
interface Renewing {
  readonly node: HollowNode;
  readonly renewals: Renewals;
  readonly awaited: AwaitedRenewal;
}

/**
 * What the guards of all nodes send, from one socket: beats, each node in its own phase of the period, and renewals of Leases when
 * the agents ask. The beats carry version 0: a node without a data plane holds nobody back.
 */
export class HollowBeats {
  readonly #options: HollowBeatsOptions;
  readonly #byId = new Map<number, Renewing>();
  #socket: Socket | undefined;
  #origin: Origin = { address: '0.0.0.0', port: 0 };

  constructor(options: HollowBeatsOptions) {
    this.#options = options;
    for (const node of options.nodes) this.#byId.set(node.beatId, this.#renewing(node));
  }

  /** Has the node's Lease renewed. Resolves with whether it was. */
  async renew({ beatId }: HollowNode): Promise<boolean> {
    const renewing = this.#byId.get(beatId);
    if (renewing === undefined || this.#options.detectors.length === 0) return false;
    const isRenewed = await renewing.awaited.ask((id) => renewing.renewals.ask(id, undefined));
    renewing.renewals.drop();
    return isRenewed;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nodes, detectors, clock, logger } = this.#options;
    const socket = createSocket('udp4');
    socket.on('error', (error) => logger.warn({ err: error }, 'heartbeat socket'));
    socket.on('listening', () => socket.setRecvBufferSize(receiveBufferBytes));
    socket.on('message', (datagram, from) => this.#receive(datagram, `${from.address}:${from.port}`));
    socket.bind(0);
    await once(socket, 'listening');
    this.#origin = { address: await ownAddress(detectors[0]), port: socket.address().port };
    this.#socket = socket;
    const visit = (index: number): void => {
      const node = nodes[index];
      if (node !== undefined) this.#beat(node);
    };
    await new Rota({ clock, periodMs: beatPeriodMs, count: nodes.length, visit }).run(signal);
    this.#socket = undefined;
    for (const { renewals, awaited } of this.#byId.values()) {
      renewals.drop();
      awaited.giveUp();
    }
    socket.close();
  }

  #renewing(node: HollowNode): Renewing {
    const { clock } = this.#options;
    const awaited = new AwaitedRenewal(clock);
    const renewals = new Renewals({
      ...{ nodeName: node.name, key: node.beatKey, clock },
      send: (encode, to) => this.#send(node, encode, to),
      onRenewed: (id) => awaited.hear(id),
    });
    return { node, renewals, awaited };
  }

  #beat(node: HollowNode): void {
    this.#send(node, (sequence) => encodeBeat(node.beatId, { sequence, dataPlaneVersion: 0 }, node.beatKey));
  }

  /** @param to `address:port` of one detector; all when left out */
  #send(node: HollowNode, encode: (sequence: number, origin: Origin) => Buffer, to?: string): void {
    const { detectors, clock } = this.#options;
    if (node.power !== 'on') return;
    node.beatSequence = nextBeatSequence(node.beatSequence, clock.nowMs());
    const datagram = encode(node.beatSequence, this.#origin);
    // What cannot be sent is lost: the next one is due in half a second.
    for (const { address, port } of detectors)
      if (to === undefined || to === `${address}:${port}`)
        this.#socket?.send(datagram, port, address, ignoreLoss);
  }

  #receive(datagram: Buffer, detector: string): void {
    if (datagram.length < leastAnswerBytes) return;
    const renewing = this.#byId.get(nodeIdIn(datagram));
    if (renewing?.node.power === 'on') renewing.renewals.receive(datagram, detector);
  }
}

/** By which the detector reaches this process: the nodes' own addresses are nobody's. */
async function ownAddress(detector: Detector | undefined): Promise<string> {
  const socket = createSocket('udp4');
  try {
    socket.connect(detector?.port ?? 1, detector?.address ?? '127.0.0.1');
    await once(socket, 'connect');
    return socket.address().address;
  } finally {
    socket.close();
  }
}

function ignoreLoss(): void {}
