import { access } from 'node:fs/promises';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { type Attachment, AttachmentFiles } from './attachments.ts';
import type { KernelCommands } from './kernel-commands.ts';
import { applyNft, tableHandle } from './nft-table.ts';
import { PodIps } from './pod-ips.ts';
import { connectPod, disconnectPod, podLinkName } from './pod-link.ts';
import type { PodAttachment, PodNetwork } from './pod-network.ts';
import {
  addHostPortsText,
  deleteHostPortsText,
  type HostPort,
  hostPortsOf,
  podTable,
  podTableText,
} from './pod-rules.ts';

/** Another pod of this node has the host port. */
export class HostPortInUseError extends Error {
  readonly code = 'HOST_PORT_IN_USE';

  constructor(port: HostPort, owner: string) {
    super(`host port ${port.key.replaceAll(' . ', ' ')} is in use by pod ${owner}`);
  }
}

export interface PodRange {
  readonly podCidr: string;
  readonly mtu: number;
}

/**
 * Addresses, links and host ports of this node's pods.
 *
 * INVARIANTS: an address is on disk before it is in the kernel, and leaves the kernel before it is free;
 * calls for one pod run one after another.
 */
export class NodePods implements PodNetwork {
  readonly #commands: KernelCommands;
  readonly #files: AttachmentFiles;
  readonly #ranges: { readonly clusterCidr: string; readonly serviceCidr: string };
  readonly #logger: Logger;
  readonly #attachments = new Map<string, Attachment>();
  readonly #hostPorts = new Map<string, Attachment>();
  readonly #busy = new Map<string, Promise<unknown>>();
  readonly #started = Promise.withResolvers<PodRange>();
  #ips: PodIps | undefined;
  #tableHandle: number | undefined;

  constructor(options: {
    readonly commands: KernelCommands;
    readonly directory: string;
    readonly clusterCidr: string;
    readonly serviceCidr: string;
    readonly logger: Logger;
  }) {
    this.#commands = options.commands;
    this.#files = new AttachmentFiles(options.directory);
    this.#ranges = options;
    this.#logger = options.logger;
  }

  /** Takes up the pods of an earlier run. Until then `attachPod` waits. Call it when the bridge is there. */
  async start(range: PodRange): Promise<void> {
    const { attachments, lastIp } = await this.#files.load();
    const ips = new PodIps(range.podCidr, lastIp);
    for (const attachment of attachments) {
      ips.take(attachment.ip);
      this.#remember(attachment);
    }
    this.#ips = ips;
    await this.#writeTable(range);
    this.#started.resolve(range);
  }

  attachPod(request: PodAttachment): Promise<{ readonly ips: readonly string[] }> {
    return this.#inTurn(request.podUid, () => this.#attach(request));
  }

  detachPod(podUid: string): Promise<void> {
    return this.#inTurn(podUid, () => this.#detach(podUid));
  }

  /** Puts back what somebody took away: the table, and links of pods whose namespace is still there. */
  async repair(range: PodRange, linksThatExist: ReadonlySet<string>): Promise<void> {
    if ((await tableHandle(this.#commands, podTable)) !== this.#tableHandle) await this.#writeTable(range);
    for (const attachment of [...this.#attachments.values()]) {
      if (linksThatExist.has(attachment.link) || this.#busy.has(attachment.podUid)) continue;
      await this.#inTurn(attachment.podUid, () => this.#reconnect(attachment, range));
    }
  }

  async #attach(request: PodAttachment): Promise<{ readonly ips: readonly string[] }> {
    const range = await this.#started.promise;
    const known = this.#attachments.get(request.podUid);
    const hostPorts = hostPortsOf('0.0.0.0', request.portMappings);
    this.#refuseTakenPorts(request.podUid, hostPorts);
    const attachment: Attachment = {
      ...request,
      ip: known?.ip ?? this.#allocate(),
      link: podLinkName(request.podUid),
    };
    this.#remember(attachment);
    await this.#files.save(attachment);
    await connectPod(this.#commands, attachment, range);
    const ports = hostPortsOf(attachment.ip, attachment.portMappings);
    if (ports.length > 0) await applyNft(this.#commands, addHostPortsText(ports));
    return { ips: [attachment.ip] };
  }

  async #detach(podUid: string): Promise<void> {
    const attachment = this.#attachments.get(podUid);
    if (attachment === undefined) return;
    const ports = hostPortsOf(attachment.ip, attachment.portMappings);
    if (ports.length > 0) await this.#closePorts(ports);
    await disconnectPod(this.#commands, attachment.link);
    await this.#files.remove(podUid);
    this.#attachments.delete(podUid);
    for (const port of ports) this.#hostPorts.delete(`${port.map} ${port.key}`);
    this.#ips?.free(attachment.ip);
  }

  async #closePorts(ports: readonly HostPort[]): Promise<void> {
    try {
      await applyNft(this.#commands, deleteHostPortsText(ports));
    } catch (error) {
      // An attach that failed half-way had opened none.
      this.#logger.debug({ reason: messageOf(error) }, 'host ports were not open');
    }
  }

  async #reconnect(attachment: Attachment, range: PodRange): Promise<void> {
    try {
      await access(attachment.netnsPath);
      await connectPod(this.#commands, attachment, range);
      this.#logger.warn({ pod: attachment.name, link: attachment.link }, 'pod link was gone and is back');
    } catch (error) {
      // The namespace is gone as well: the pod is dead, and the runtime will detach it.
      this.#logger.debug({ pod: attachment.name, reason: messageOf(error) }, 'pod link cannot come back');
    }
  }

  #allocate(): string {
    if (this.#ips === undefined) throw new Error('the node has no pod range yet');
    return this.#ips.allocate();
  }

  #refuseTakenPorts(podUid: string, ports: readonly HostPort[]): void {
    for (const port of ports) {
      const owner = this.#hostPorts.get(`${port.map} ${port.key}`);
      if (owner !== undefined && owner.podUid !== podUid)
        throw new HostPortInUseError(port, `${owner.namespace}/${owner.name}`);
    }
  }

  #remember(attachment: Attachment): void {
    this.#attachments.set(attachment.podUid, attachment);
    for (const port of hostPortsOf(attachment.ip, attachment.portMappings))
      this.#hostPorts.set(`${port.map} ${port.key}`, attachment);
  }

  async #writeTable(range: PodRange): Promise<void> {
    const hostPorts = [...this.#attachments.values()].flatMap((attachment) =>
      hostPortsOf(attachment.ip, attachment.portMappings),
    );
    await applyNft(this.#commands, podTableText({ ...this.#ranges, podCidr: range.podCidr, hostPorts }));
    this.#tableHandle = await tableHandle(this.#commands, podTable);
  }

  #inTurn<T>(podUid: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(podUid) ?? Promise.resolve();
    const running = before.then(work, work);
    const settled = running.then(
      () => undefined,
      () => undefined,
    );
    this.#busy.set(podUid, settled);
    void settled.then(() => {
      if (this.#busy.get(podUid) === settled) this.#busy.delete(podUid);
    });
    return running;
  }
}
