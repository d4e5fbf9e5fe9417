/** Who asks a node. */
export interface ClientUser {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** A certificate's subject: several values of one attribute come as a list. */
export interface CertificateSubject {
  readonly CN?: string | readonly string[] | undefined;
  readonly O?: string | readonly string[] | undefined;
}

const mastersGroup = 'system:masters';
const authenticatedGroup = 'system:authenticated';
const apiserverName = 'kube-apiserver-kubelet-client';

/** The chain has been verified before. Undefined: it names nobody. */
export function userOfCertificate(subject: CertificateSubject | undefined): ClientUser | undefined {
  const username = [subject?.CN].flat().at(-1) ?? '';
  if (username === '') return undefined;
  const groups = subject?.O === undefined ? [] : [subject.O].flat();
  return { username, groups: [...groups, authenticatedGroup] };
}

/**
 * Whom a node believes without asking: the API server, which has authorized its user already and must not wait for itself, and
 * administrators, whom the API server allows everything. Only by a certificate, which the node verifies itself.
 */
export function isTrusted({ username, groups }: ClientUser): boolean {
  return groups.includes(mastersGroup) || username === apiserverName;
}
