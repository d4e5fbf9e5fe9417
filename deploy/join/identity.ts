/**
 * A node's identity, got from a cluster by a bootstrap token. The key is made here and never leaves the machine; what is signed is a request for it.
 * Interrupted at any moment, it goes on with the same key when it is called again.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigMap, Secret } from '../../api/generated/core-v1.ts';
import { configmaps, secrets } from '../../api/generated/resources.ts';
import { StatusError } from '../../api/status-error.ts';
import { type Clock, delay } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import {
  lifeOfCertificate,
  pairText,
  readIfPresent,
  replaceSecretFile,
} from '../../client/certificate-file.ts';
import type { ApiClient } from '../../client/client.ts';
import type { ClusterInfo } from '../../client/cluster-info.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { clientOrder } from '../../client/node-order.ts';
import { CertificateRefusedError, requestCertificate } from '../../client/request-certificate.ts';
import { createPrivateKeyPem } from '../../client/signing-request.ts';
import { isPassing } from '../../client/transport-error.ts';
import { certificateFiles } from '../../node-agent/certificates/node-certificates.ts';
import { beatKeyFile, kubeconfigFile } from '../identities.ts';
import { nodeKubeconfigOf } from '../kubeconfig.ts';
import { type NodeConfig, nodeConfigRef, readNodeConfig } from '../node-config.ts';
import { UserError } from '../user-error.ts';

const requestTimeoutMs = 5_000;
const askAgainMs = 200;
/** While it has no certificate yet. */
const pendingKey = 'client.key.pending';
const beatKeyNamespace = 'kube-node-lease';

export interface Joining {
  /** Local name of the cluster. */
  readonly cluster: string;
  readonly nodeName: string;
  /** Where the identity is to lie. */
  readonly directory: string;
  readonly info: ClusterInfo;
  /** `id.secret` */
  readonly token: string;
  readonly clock: Clock;
}

/** @returns what the node is to be started with. @throws UserError */
export async function acquireIdentity(joining: Joining, signal: AbortSignal): Promise<NodeConfig> {
  const { directory, cluster, nodeName, info } = joining;
  if (!(await hasLivingCertificate(directory, joining.clock))) await orderCertificate(joining, signal);
  await replaceSecretFile(join(directory, certificateFiles.authority), info.caPem);
  await replaceSecretFile(
    kubeconfigFile(directory),
    nodeKubeconfigOf({ cluster, nodeName, server: info.server }),
  );
  const client = await connectAsNode(directory, joining.clock);
  try {
    return await fetchForNode(client, joining, signal);
  } finally {
    client.close();
  }
}

/** Whether the machine can say who it is: one that was off until its certificate had ended cannot. */
export async function hasLivingCertificate(directory: string, clock: Clock): Promise<boolean> {
  const text = await readIfPresent(join(directory, certificateFiles.client));
  return text !== undefined && clock.nowMs() < lifeOfCertificate(text).endMs;
}

/** A client with the node's own identity. */
export async function connectAsNode(directory: string, clock: Clock): Promise<ClosableApiClient> {
  const config = await loadKubeconfig(kubeconfigFile(directory));
  return createApiClient({
    ...{ config, clock, logger: silentLogger, userAgent: 'coracle-deploy', requestTimeoutMs },
  });
}

async function orderCertificate(joining: Joining, signal: AbortSignal): Promise<void> {
  const { directory, nodeName, info, token, clock } = joining;
  const keyFile = join(directory, pendingKey);
  const key = (await readIfPresent(keyFile)) ?? createPrivateKeyPem();
  await replaceSecretFile(keyFile, key);
  const config = { server: info.server, ca: info.caPem, token };
  const client = createApiClient({
    ...{ config, clock, logger: silentLogger, userAgent: 'coracle-deploy', requestTimeoutMs },
  });
  try {
    const context = { client, clock, random: systemRandom };
    const cert = await requestCertificate(clientOrder(nodeName, key), context, signal);
    refuseWrongClock(cert, clock.nowMs());
    await replaceSecretFile(join(directory, certificateFiles.client), pairText({ cert, key }));
    await rm(keyFile, { force: true });
  } catch (error) {
    // A refused key is refused for ever.
    if (error instanceof CertificateRefusedError) await rm(keyFile, { force: true });
    throw told(error, nodeName, signal);
  } finally {
    client.close();
  }
}

/** @throws UserError */
export function refuseWrongClock(certificate: string, nowMs: number): void {
  const { beginMs, endMs } = lifeOfCertificate(certificate);
  if (nowMs >= beginMs && nowMs < endMs) return;
  const iso = (ms: number): string => new Date(ms).toISOString();
  throw new UserError(
    `the certificate is valid from ${iso(beginMs)} to ${iso(endMs)}, and this machine's clock says ${iso(nowMs)}: set it right and join again`,
  );
}

function told(error: unknown, nodeName: string, signal: AbortSignal): unknown {
  if (error instanceof CertificateRefusedError)
    return new UserError(`the cluster does not take this machine in as "${nodeName}": ${error.message}`);
  if (error instanceof StatusError && error.code === 401)
    return new UserError('the token is not accepted: it has ended, was deleted, or is not for joining');
  if (error instanceof StatusError)
    return new UserError(`order a certificate for "${nodeName}": ${error.message}`);
  if (signal.aborted)
    return new UserError(
      `nobody has signed the certificate of "${nodeName}" in time; "kubectl get csr" shows what waits (${messageOf(error)})`,
    );
  return error;
}

async function fetchForNode(
  client: ApiClient,
  { directory, nodeName, clock }: Joining,
  signal: AbortSignal,
): Promise<NodeConfig> {
  const read = async <T>(what: string, ask: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await ask();
      } catch (error) {
        if (!isPassing(error) || signal.aborted)
          throw new UserError(`read ${what} as node "${nodeName}": ${messageOf(error)}`);
        await delay(clock, askAgainMs, signal);
      }
    }
  };
  const config = await read('how nodes are started', () => client.get(configmaps, nodeConfigRef));
  if ((await readIfPresent(beatKeyFile(directory))) === undefined) {
    const ref = { namespace: beatKeyNamespace, name: `beat-key-${nodeName}` };
    const secret: Secret = await read('the heartbeat key', () => client.get(secrets, ref));
    const key = Buffer.from(secret.data?.['beat.key'] ?? '', 'base64').toString();
    if (!/^[0-9a-f]{64}$/.test(key)) throw new UserError('the heartbeat key of the node is none');
    await replaceSecretFile(beatKeyFile(directory), key);
  }
  const { data }: ConfigMap = config;
  return readNodeConfig(data);
}
