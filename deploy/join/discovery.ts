/**
 * How a machine that knows a token and the hash of a key comes to trust a server that it has never spoken to, as kubeadm does: what anybody can read
 * is read without trusting the connection, and believed only when the holder of the token has signed it and the authority in it is the one that
 * the hash names. Then it is read again over a connection that this authority vouches for.
 */
import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { isForbidden, isNotFound, StatusError } from '../../api/status-error.ts';
import { type Clock, delay } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { silentLogger } from '../../base/logger.ts';
import type { ClientConfig } from '../../client/client-config.ts';
import {
  type BootstrapToken,
  type ClusterInfo,
  ClusterInfoError,
  clusterInfoKey,
  clusterInfoName,
  clusterInfoNamespace,
  isSignedWith,
  parseClusterInfo,
  publicKeyHash,
  signaturePrefix,
} from '../../client/cluster-info.ts';
import { createApiClient } from '../../client/http-client.ts';
import { isPassing, TransportError } from '../../client/transport-error.ts';
import { UserError } from '../user-error.ts';

const askAgainMs = 200;
const requestTimeoutMs = 5_000;
/** A token that was made just now is signed with a moment later. */
const signedWithinMs = 3_000;
/** A new authority is signed with as soon. */
const signedAnewWithinMs = 1_500;

export interface DiscoveryOptions {
  /** `host:port` */
  readonly server: string;
  readonly token: BootstrapToken;
  /** `sha256:<hex>` */
  readonly caHash: string;
  readonly clock: Clock;
}

/** @throws UserError that says what is not as it was promised */
export async function discover(options: DiscoveryOptions, signal: AbortSignal): Promise<ClusterInfo> {
  const { server, caHash } = options;
  const kubeconfig = await signedKubeconfig(options, signal);
  const info = await parse(kubeconfig);
  const found = publicKeyHash(info.caPem);
  if (found !== caHash.toLowerCase())
    throw new UserError(
      `${server} is not the cluster that was meant: its authority's key is ${found}, and not ${caHash}, which --ca-cert-hash names`,
    );
  const trusted = await read(options, { server: info.server, ca: info.caPem }, signal);
  if (trusted[clusterInfoKey] !== kubeconfig)
    throw new UserError(`${server} and ${info.server} tell different things of the cluster`);
  return info;
}

async function signedKubeconfig(options: DiscoveryOptions, signal: AbortSignal): Promise<string> {
  const { server, token, clock } = options;
  const startMs = clock.monotonicMs();
  for (;;) {
    const data = await read(options, { server: `https://${server}`, insecureSkipTlsVerify: true }, signal);
    const kubeconfig = data[clusterInfoKey] ?? '';
    const signature = data[`${signaturePrefix}${token.id}`];
    if (signature !== undefined && isSignedWith(token, kubeconfig, signature)) return kubeconfig;
    const patienceMs = signature === undefined ? signedWithinMs : signedAnewWithinMs;
    if (clock.monotonicMs() - startMs > patienceMs) throw new UserError(refusal(server, token.id, signature));
    await delay(clock, askAgainMs, signal);
    signal.throwIfAborted();
  }
}

const refusal = (server: string, id: string, signature: string | undefined): string =>
  signature === undefined
    ? `${server} knows no token "${id}" to join by: it has ended, was deleted, or is of another cluster`
    : `what ${server} says of the cluster is not signed with this token: its secret is another one, or somebody has changed it on the way`;

async function parse(kubeconfig: string): Promise<ClusterInfo> {
  try {
    return await parseClusterInfo(kubeconfig);
  } catch (error) {
    if (error instanceof ClusterInfoError) throw new UserError(messageOf(error));
    throw error;
  }
}

/** The data of `cluster-info`, as anybody reads it. A server that does not answer is asked again until `signal` aborts. */
async function read(
  { clock }: DiscoveryOptions,
  config: ClientConfig,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const userAgent = 'coracle-deploy';
  const client = createApiClient({
    ...{ config, clock, userAgent, logger: silentLogger, requestTimeoutMs, failFast: true },
  });
  const ref = { namespace: clusterInfoNamespace, name: clusterInfoName };
  try {
    for (;;) {
      try {
        const map: ConfigMap = await client.get(configmaps, ref);
        return map.data ?? {};
      } catch (error) {
        if (!mayPass(error)) throw told(error, config.server);
        await delay(clock, askAgainMs, signal);
        if (signal.aborted) throw told(error, config.server);
      }
    }
  } finally {
    client.close();
  }
}

/** A certificate that is not believed does not become better by asking again. */
function mayPass(error: unknown): boolean {
  if (error instanceof TransportError) return !/certificate|CERT_|self.signed|altnames/i.test(error.message);
  return isPassing(error) || isNotFound(error);
}

function told(error: unknown, server: string): unknown {
  const text = messageOf(error);
  if (/not yet valid|has expired/i.test(text))
    return new UserError(`${text}: does the clock of this machine go right?`);
  if (isForbidden(error) || (error instanceof StatusError && error.code === 401))
    return new UserError(`${server} tells strangers nothing of the cluster: ${text}`);
  if (error instanceof StatusError || error instanceof TransportError)
    return new UserError(`${server}: ${text}`);
  return error;
}
