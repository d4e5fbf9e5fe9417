import { X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import type { CertificateSubject } from './authenticator.ts';

/** By connection: a certificate does not change while it lives. */
const subjects = new WeakMap<object, CertificateSubject | null>();

/**
 * The client certificate of a connection, also one that nobody here has signed. `connection` is what stays the same for
 * all requests of it: the TLS socket, or the HTTP/2 session around it.
 */
export function peerSubject(connection: object, socket: unknown): CertificateSubject | undefined {
  const known = subjects.get(connection);
  if (known !== undefined) return known ?? undefined;
  const subject = readSubject(socket);
  subjects.set(connection, subject ?? null);
  return subject;
}

function readSubject(socket: unknown): CertificateSubject | undefined {
  // An HTTP/2 session shows its socket through a proxy, so `instanceof` may not be asked of it directly.
  const tls = socket as TLSSocket | undefined;
  if (typeof tls?.getPeerCertificate !== 'function') return undefined;
  const certificate = tls.getPeerCertificate();
  // Without a certificate Node gives an empty object.
  if (certificate?.raw === undefined) return undefined;
  const subject: { readonly CN?: string | string[]; readonly O?: string | string[] } | undefined =
    certificate.subject;
  // The last one counts when there are several, as in Go: agents and signers read it so, too.
  const commonName = [subject?.CN ?? []].flat().at(-1) ?? '';
  const isVerified = tls.authorized === true;
  // What is good and names nobody is as if it were not there.
  if (isVerified && commonName === '') return undefined;
  return {
    ...{ commonName, organizations: [subject?.O ?? []].flat(), isVerified },
    endMs: Date.parse(certificate.valid_to),
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
    chain: () => chainOf(tls.getPeerCertificate(true)),
  };
}

/** A root is its own issuer. */
function chainOf(leaf: DetailedPeerCertificate): X509Certificate[] {
  const chain: DetailedPeerCertificate[] = [];
  for (
    let next: DetailedPeerCertificate | undefined = leaf;
    next?.raw !== undefined;
    next = next.issuerCertificate
  ) {
    if (chain.includes(next)) break;
    chain.push(next);
  }
  return chain.map(({ raw }) => new X509Certificate(raw));
}
