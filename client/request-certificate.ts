/** A certificate by way of the certificates API: a request is filed, somebody approves and signs it, and it is fetched. */
import { createHash } from 'node:crypto';
import type { CertificateSigningRequest } from '../api/generated/certificates-v1.ts';
import { certificatesigningrequests } from '../api/generated/resources.ts';
import { isAlreadyExists, isNotFound } from '../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { ApiClient } from './client.ts';
import { createSigningRequest, publicKeyOf, type SigningRequestOptions } from './signing-request.ts';
import { isPassing } from './transport-error.ts';

const askAgain: BackoffPolicy = { initialMs: 50, maxMs: 2_000, factor: 1.5, jitter: 0.3 };

/** Somebody refused the request, or it cannot be signed. The message is theirs. */
export class CertificateRefusedError extends Error {
  readonly code = 'CERTIFICATE_REFUSED';
}

export interface CertificateOrder extends SigningRequestOptions {
  /** Before the hash of the key: who looks at the list sees what the request is. */
  readonly namePrefix: string;
  readonly signerName: string;
  readonly usages: readonly string[];
}

export interface OrderContext {
  readonly client: Pick<ApiClient, 'get' | 'create'>;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Files the request and waits for the certificate. The request is named after its key: whoever was interrupted and comes back with
 * the same key finds its own. A server that does not answer is asked again until `signal` aborts.
 * @returns PEM
 * @throws CertificateRefusedError, StatusError, and `signal`'s reason
 */
export async function requestCertificate(
  order: CertificateOrder,
  context: OrderContext,
  signal: AbortSignal,
): Promise<string> {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted();
    try {
      const certificate = certificateIn(await fileOrFind(order, context));
      if (certificate !== undefined) return certificate;
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await delay(context.clock, backoffMs(askAgain, attempt, context.random), signal);
  }
}

/** Named after key and signer, so that one key may be used for one request of each. */
export function requestName(
  order: Pick<CertificateOrder, 'namePrefix' | 'privateKey' | 'signerName'>,
): string {
  const hash = createHash('sha256').update(publicKeyOf(order.privateKey)).update(order.signerName);
  return `${order.namePrefix}-${hash.digest('hex').slice(0, 20)}`;
}

async function fileOrFind(
  order: CertificateOrder,
  { client }: OrderContext,
): Promise<CertificateSigningRequest> {
  const name = requestName(order);
  try {
    return await client.get(certificatesigningrequests, { name });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  const request = Buffer.from(createSigningRequest(order)).toString('base64');
  const { signerName, usages } = order;
  try {
    return await client.create(certificatesigningrequests, {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name },
      spec: { request, signerName, usages: [...usages] },
    });
  } catch (error) {
    // An answer that was lost on its way: the request had been filed.
    if (!isAlreadyExists(error)) throw error;
    return client.get(certificatesigningrequests, { name });
  }
}

function certificateIn({ metadata, status }: CertificateSigningRequest): string | undefined {
  const refusal = status?.conditions?.find(({ type }) => type === 'Denied' || type === 'Failed');
  if (refusal !== undefined)
    throw new CertificateRefusedError(
      `certificate request ${metadata.name} is ${refusal.type.toLowerCase()}: ${refusal.message ?? refusal.reason ?? 'no reason is given'}`,
    );
  const certificate = status?.certificate ?? '';
  return certificate === '' ? undefined : Buffer.from(certificate, 'base64').toString();
}
