import { join } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { clientOrder, servingOrder } from '../../client/node-order.ts';
import { followAuthority } from './authority-follower.ts';
import { CertificateRotation } from './certificate-rotation.ts';

/** What lies in a node's certificate directory. */
export const certificateFiles = {
  /** Certificate and key, as which the node speaks to the API server. */
  client: 'client.pem',
  /** Certificate and key with which it serves. */
  serving: 'serving.pem',
  authority: 'ca.crt',
} as const;

export interface NodeCertificatesOptions {
  readonly flags: {
    /** Undefined: somebody else keeps the certificates. */
    readonly certDir: string | undefined;
    readonly nodeName: string;
    /** With commas. */
    readonly nodeIp: string;
  };
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Keeps the node's certificates and the authority's fresh.
 *
 * @param registered resolves when the Node is there with its addresses: nobody signs for others
 * @returns resolves when there is one to serve with
 */
export function startNodeCertificates(
  options: NodeCertificatesOptions,
  registered: Promise<void>,
  tasks: TaskGroup,
): Promise<void> {
  const { certDir: directory, nodeName, nodeIp } = options.flags;
  if (directory === undefined) return Promise.resolve();
  const common = { ...options, logger: options.logger.child({ part: 'certificates' }) };
  const file = (name: string): string => join(directory, name);
  const client = new CertificateRotation({
    ...common,
    what: 'client',
    path: file(certificateFiles.client),
    order: (key) => clientOrder(nodeName, key),
  });
  const serving = new CertificateRotation({
    ...common,
    what: 'serving',
    path: file(certificateFiles.serving),
    order: (key) => servingOrder(nodeName, nodeIp.split(','), key),
  });
  const authority = { ...common, path: file(certificateFiles.authority) };
  tasks.start((until) => client.run(until));
  tasks.start((until) => followAuthority(authority, until));
  tasks.start(async (until) => {
    await Promise.race([registered, aborted(until)]);
    await serving.run(until);
  });
  return serving.ready;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
