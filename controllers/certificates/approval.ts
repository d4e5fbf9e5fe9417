import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { RequestFacts } from './request-facts.ts';
import { type ClusterAddresses, mayServeAs } from './serving-names.ts';
import { kubeletClient, kubeletServing, nodePrefix, signers } from './signers.ts';

/** What a requester must be allowed to create so that nobody has to look at the request. */
export interface Recognized {
  /** Subresource of certificatesigningrequests. */
  readonly right: 'selfnodeclient' | 'nodeclient' | 'selfnodeserver';
  readonly message: string;
}

/**
 * Pure: as what a request may be approved without a human, in the order in which it is tried. A node's request for a
 * serving certificate is approved only for names and addresses that its Node object has.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
 */
export function recognize(
  { spec }: CertificateSigningRequest,
  facts: RequestFacts,
  cluster: ClusterAddresses,
): Recognized[] {
  const { signerName, username, usages = [] } = spec;
  if (signers.get(signerName)?.(facts, usages) !== undefined) return [];
  const isOwn = username === facts.commonName;
  if (signerName === kubeletClient) {
    const own: Recognized = {
      right: 'selfnodeclient',
      message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
    };
    const any: Recognized = {
      right: 'nodeclient',
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    };
    return isOwn ? [own, any] : [any];
  }
  if (signerName !== kubeletServing || !isOwn) return [];
  if (!mayServeAs(facts.commonName.slice(nodePrefix.length), facts, cluster)) return [];
  return [
    {
      right: 'selfnodeserver',
      message: 'Auto approving self kubelet server certificate after SubjectAccessReview.',
    },
  ];
}
