/** What a node orders: the certificate with which it speaks to the API server, and the one that it serves with. */
import type { CertificateOrder } from './request-certificate.ts';

const common = { organization: 'system:nodes' } as const;

export function clientOrder(nodeName: string, privateKey: string): CertificateOrder {
  return {
    ...common,
    privateKey,
    namePrefix: 'node-csr',
    commonName: `system:node:${nodeName}`,
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: ['digital signature', 'client auth'],
  };
}

/** @param addresses those that the Node's status has */
export function servingOrder(
  nodeName: string,
  addresses: readonly string[],
  privateKey: string,
): CertificateOrder {
  return {
    ...common,
    privateKey,
    namePrefix: 'csr',
    commonName: `system:node:${nodeName}`,
    hosts: [nodeName, ...addresses],
    signerName: 'kubernetes.io/kubelet-serving',
    usages: ['digital signature', 'server auth'],
  };
}
