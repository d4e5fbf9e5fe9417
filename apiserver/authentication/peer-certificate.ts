import type { TLSSocket } from 'node:tls';
import type { CertificateSubject } from './authenticator.ts';

/** By connection: a certificate does not change while it lives. */
const subjects = new WeakMap<object, CertificateSubject | null>();

/**
 * The client certificate of a connection, when the client CA has signed it. `connection` is what stays the same for
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
  if (typeof tls?.getPeerCertificate !== 'function' || tls.authorized !== true) return undefined;
  const certificate = tls.getPeerCertificate();
  const subject: { readonly CN?: string | string[]; readonly O?: string | string[] } | undefined =
    certificate?.subject;
  const commonName = [subject?.CN ?? []].flat()[0];
  if (commonName === undefined || commonName === '') return undefined;
  const fingerprint = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return { commonName, organizations: [subject?.O ?? []].flat(), fingerprint, raw: certificate.raw };
}
