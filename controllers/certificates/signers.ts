import type { RequestFacts } from './request-facts.ts';

export const apiserverClient = 'kubernetes.io/kube-apiserver-client';
export const kubeletClient = 'kubernetes.io/kube-apiserver-client-kubelet';
export const kubeletServing = 'kubernetes.io/kubelet-serving';

const nodesGroup = 'system:nodes';
export const nodePrefix = 'system:node:';

/** Why the signer does not sign this, in Kubernetes' words; undefined when it does. */
export type Objection = (facts: RequestFacts, usages: readonly string[]) => string | undefined;

function usagesObjection(usages: readonly string[], purpose: string): string | undefined {
  const all = [purpose, 'digital signature', 'key encipherment'].sort();
  const given = [...new Set(usages)].sort();
  const isSame = (wanted: readonly string[]): boolean =>
    wanted.length === given.length && wanted.every((usage, at) => given[at] === usage);
  if (isSame(all) || isSame(all.filter((usage) => usage !== 'key encipherment'))) return undefined;
  return `usages did not match [${all.join(' ')}]`;
}

const kubeletClientObjection: Objection = (facts, usages) => {
  if (facts.organizations.length !== 1 || facts.organizations[0] !== nodesGroup)
    return 'subject organization is not system:nodes';
  if (facts.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed';
  if (facts.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (facts.ipAddresses.length > 0) return 'IP subjectAltNames are not allowed';
  if (facts.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!facts.commonName.startsWith(nodePrefix)) return 'subject common name does not begin with system:node:';
  return usagesObjection(usages, 'client auth');
};

const kubeletServingObjection: Objection = (facts, usages) => {
  if (facts.organizations.length !== 1 || facts.organizations[0] !== nodesGroup)
    return 'subject organization is not system:nodes';
  if (facts.dnsNames.length + facts.ipAddresses.length === 0) return 'DNS or IP subjectAltName is required';
  if (facts.emailAddresses.length > 0) return 'Email subjectAltNames are not allowed';
  if (facts.uris.length > 0) return 'URI subjectAltNames are not allowed';
  if (!facts.commonName.startsWith(nodePrefix)) return 'subject common name does not begin with system:node:';
  return usagesObjection(usages, 'server auth');
};

const clientObjection: Objection = (_facts, usages) => {
  const bad = usages.find(
    (usage) => !['client auth', 'digital signature', 'key encipherment'].includes(usage),
  );
  if (bad !== undefined) return `invalid usage for client certificate: ${bad}`;
  if (!usages.includes('client auth')) return 'missing required usage for client certificate: client auth';
  return undefined;
};

/** The signers that the cluster's own authority stands for. */
export const signers: ReadonlyMap<string, Objection> = new Map([
  [apiserverClient, clientObjection],
  [kubeletClient, kubeletClientObjection],
  [kubeletServing, kubeletServingObjection],
]);
