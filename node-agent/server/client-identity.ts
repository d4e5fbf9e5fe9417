const trustedGroup = 'system:masters';
const apiserverName = 'kube-apiserver-kubelet-client';

/** A certificate's subject: several values of one attribute come as a list. */
export interface CertificateSubject {
  readonly CN?: string | readonly string[] | undefined;
  readonly O?: string | readonly string[] | undefined;
}

/** Only the API server and administrators may look into a node's pods. The chain has been verified before. */
export function isTrustedClient(subject: CertificateSubject | undefined): boolean {
  const groups = subject?.O === undefined ? [] : [subject.O].flat();
  return groups.includes(trustedGroup) || [subject?.CN].flat().includes(apiserverName);
}
