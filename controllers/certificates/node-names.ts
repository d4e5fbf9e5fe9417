/**
 * Who was given which node's name. A bootstrap token lets a machine become a node; it must not let it become one that is there already,
 * nor one whose machine is just joining: the certificate would be good for what the other one is trusted with.
 *
 * INVARIANTS: between two requests of bootstrap tokens for one name with different keys at most one is approved, until the Node is deleted
 * or the request is cleaned away.
 */
import { createHash } from 'node:crypto';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { factsOf, parseRequest, RequestError } from './request-facts.ts';
import { hasCondition } from './request-life.ts';
import { kubeletClient, nodePrefix } from './signers.ts';

const bootstrappers = 'system:bootstrappers';

/** Which node a request with a bootstrap token wants to be, by which key. */
export interface NameClaim {
  readonly node: string;
  readonly keyHash: string;
}

/** Pure: undefined for every other request. */
export function nameClaimOf({ spec }: CertificateSigningRequest): NameClaim | undefined {
  const isJoining = spec.signerName === kubeletClient && spec.groups?.includes(bootstrappers) === true;
  if (!isJoining) return undefined;
  try {
    const request = parseRequest(spec.request);
    const { commonName } = factsOf(request);
    if (!commonName.startsWith(nodePrefix)) return undefined;
    const key = Buffer.from(request.publicKey.rawData);
    return {
      node: commonName.slice(nodePrefix.length),
      keyHash: createHash('sha256').update(key).digest('hex'),
    };
  } catch (error) {
    if (error instanceof RequestError) return undefined;
    throw error;
  }
}

/** A DNS subdomain, and short enough for the name of the Secret with its heartbeat key. */
export const isNodeName = (name: string): boolean => /^[a-z0-9]([-a-z0-9.]{0,242}[a-z0-9])?$/.test(name);

export class NodeNames {
  /** Approved in this process; that the API shows it too may take a moment. */
  readonly #approved = new Map<string, NameClaim>();
  /** Reading a request costs a third of a millisecond. */
  readonly #claims = new WeakMap<CertificateSigningRequest, NameClaim | null>();

  /** As `nameClaimOf`, read once. */
  claimOf(request: CertificateSigningRequest): NameClaim | undefined {
    const known = this.#claims.get(request);
    if (known !== undefined) return known ?? undefined;
    const claim = nameClaimOf(request);
    this.#claims.set(request, claim ?? null);
    return claim;
  }

  /** @param others every request for that name that is there */
  holderOf(
    request: CertificateSigningRequest,
    claim: NameClaim,
    others: readonly CertificateSigningRequest[],
  ): string | undefined {
    const isOther = (name: string, other: NameClaim | undefined): boolean =>
      name !== request.metadata.name && other?.node === claim.node && other.keyHash !== claim.keyHash;
    const shown = others.find(
      (other) => hasCondition(other, 'Approved') && isOther(other.metadata.name, this.claimOf(other)),
    );
    if (shown !== undefined) return shown.metadata.name;
    for (const [name, other] of this.#approved) if (isOther(name, other)) return name;
    return undefined;
  }

  /** Before the approval is written. */
  give(request: CertificateSigningRequest, claim: NameClaim): void {
    this.#approved.set(request.metadata.name, claim);
  }

  /** The request is gone, or was not approved after all. */
  forget(requestName: string): void {
    this.#approved.delete(requestName);
  }
}
