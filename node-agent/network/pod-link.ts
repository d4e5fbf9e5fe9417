import { createHash } from 'node:crypto';
import type { Attachment } from './attachments.ts';
import { bridgeName, gatewayOf, podLinkPrefix } from './desired-network.ts';
import { macOf, parseIpv4Range } from './ipv4.ts';
import type { KernelCommands } from './kernel-commands.ts';

/** A link name has 15 bytes at most: the prefix and 44 bits of the uid's hash. */
export function podLinkName(podUid: string): string {
  return `${podLinkPrefix}${createHash('sha256').update(podUid).digest('hex').slice(0, 11)}`;
}

/** The pod's MAC follows its address, so that neighbours that remember the last pod at this address stay right. */
export function podMacOf(ip: string): string {
  return macOf('0a:58', ip);
}

/** In the node's namespace: the pair of links, one of them inside the pod. */
export function nodeSideBatch(attachment: Attachment, mtu: number): string {
  const { link, ip, netnsPath } = attachment;
  return `link add ${link} mtu ${mtu} type veth peer name eth0 mtu ${mtu} address ${podMacOf(ip)} netns ${netnsPath}
link set ${link} addrgenmode none
link set ${link} master ${bridgeName} up
link set ${link} type bridge_slave hairpin on
`;
}

/** In the pod's namespace. */
export function podSideBatch(attachment: Attachment, podCidr: string): string {
  return `link set lo up
addr replace ${attachment.ip}/${parseIpv4Range(podCidr).prefixLength} dev eth0
link set eth0 up
route replace default via ${gatewayOf(podCidr)} dev eth0
`;
}

/** Two commands, 10 ms together. A link that is left of an earlier try is made anew. */
export async function connectPod(
  commands: KernelCommands,
  attachment: Attachment,
  node: { readonly podCidr: string; readonly mtu: number },
): Promise<void> {
  const batch = nodeSideBatch(attachment, node.mtu);
  try {
    await commands.run(['ip', '-batch', '-'], batch);
  } catch (error) {
    if (!String(error).includes('File exists')) throw error;
    await disconnectPod(commands, attachment.link);
    await commands.run(['ip', '-batch', '-'], batch);
  }
  await commands.run(
    ['nsenter', `--net=${attachment.netnsPath}`, 'ip', '-batch', '-'],
    podSideBatch(attachment, node.podCidr),
  );
}

export async function disconnectPod(commands: KernelCommands, link: string): Promise<void> {
  try {
    await commands.run(['ip', 'link', 'del', link]);
  } catch (error) {
    // The link goes with the pod's namespace; then there is nothing left to do.
    if (!String(error).includes('Cannot find device')) throw error;
  }
}
