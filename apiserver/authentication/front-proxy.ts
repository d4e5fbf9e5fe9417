/**
 * A proxy in front of the API server that has authenticated the sender itself: `X-Remote-User`, `-Group`, `-Uid` and `-Extra-<key>`
 * are believed from whoever shows a certificate of an authority of their own with an allowed name, and from nobody else.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#authenticating-proxy
 */
import { X509Certificate } from 'node:crypto';
import type { UserInfo } from '../registry/strategy.ts';
import type { CertificateSubject } from './authenticator.ts';
import { headerValues, type RequestHeaders } from './header-values.ts';

export interface FrontProxyFlags {
  /** Certificates of the authority that signs proxies' certificates, PEM; without it no header is believed. */
  readonly caFile: string | undefined;
  /** Common names; when there are none, every one is good. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly extraHeadersPrefixes: readonly string[];
}

/** Certificates of authorities, PEM. */
export interface AuthorityPems {
  readonly proxyCa: string;
  readonly clientCa: string;
}

interface Authorities {
  readonly proxy: readonly X509Certificate[];
  readonly client: readonly X509Certificate[];
}

interface Signers {
  readonly isProxy: boolean;
  readonly isClient: boolean;
}

export class FrontProxy {
  readonly #flags: FrontProxyFlags;
  #authorities: Authorities;
  #judged = new WeakMap<CertificateSubject, Signers>();

  constructor(flags: FrontProxyFlags, pems: AuthorityPems) {
    this.#flags = flags;
    this.#authorities = readAuthorities(pems);
  }

  /** From now on judges by these, also who has been judged before. */
  renew(pems: AuthorityPems): void {
    this.#authorities = readAuthorities(pems);
    this.#judged = new WeakMap();
  }

  /** Whom the headers name, when a proxy has sent them. */
  userOf(subject: CertificateSubject, headers: RequestHeaders): UserInfo | undefined {
    const { allowedNames, usernameHeaders, groupHeaders, uidHeaders } = this.#flags;
    if (!this.#signers(subject).isProxy) return undefined;
    if (allowedNames.length > 0 && !allowedNames.includes(subject.commonName)) return undefined;
    const name = first(headers, usernameHeaders);
    if (name === undefined) return undefined;
    return {
      name,
      uid: first(headers, uidHeaders) ?? '',
      groups: groupHeaders.flatMap((header) => givenValues(headers, header)),
      extra: this.#extraOf(headers),
    };
  }

  /** Whether the client authority has signed it, so that it speaks for itself. */
  isClient(subject: CertificateSubject): boolean {
    return this.#signers(subject).isClient;
  }

  #extraOf(headers: RequestHeaders): UserInfo['extra'] {
    const extra: Record<string, string[]> = {};
    for (const prefix of this.#flags.extraHeadersPrefixes.map((each) => each.toLowerCase()))
      for (const header of Object.keys(headers.headers))
        if (header.startsWith(prefix)) {
          const key = unescaped(header.slice(prefix.length));
          extra[key] = [...(extra[key] ?? []), ...headerValues(headers, header)];
        }
    return extra;
  }

  /** The TLS server has verified the chain: only whose of the two it is has to be told. */
  #signers(subject: CertificateSubject): Signers {
    const known = this.#judged.get(subject);
    if (known !== undefined) return known;
    const chain = subject.chain();
    const { proxy, client } = this.#authorities;
    const signers = { isProxy: isSignedBy(chain, proxy), isClient: isSignedBy(chain, client) };
    this.#judged.set(subject, signers);
    return signers;
  }
}

const readAuthorities = ({ proxyCa, clientCa }: AuthorityPems): Authorities => ({
  proxy: readCertificates(proxyCa),
  client: readCertificates(clientCa),
});

/** Itself, or through authorities in between. */
function isSignedBy(chain: readonly X509Certificate[], authorities: readonly X509Certificate[]): boolean {
  for (const [at, certificate] of chain.entries()) {
    if (authorities.some((authority) => isIssuedBy(certificate, authority))) return true;
    const issuer = chain[at + 1];
    if (issuer === undefined || !isIssuedBy(certificate, issuer)) return false;
  }
  return false;
}

/** Names first: they cost a hundredth of a signature. */
const isIssuedBy = (certificate: X509Certificate, authority: X509Certificate): boolean =>
  certificate.checkIssued(authority) && certificate.verify(authority.publicKey);

function readCertificates(pem: string): X509Certificate[] {
  const found = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  return found.map((each) => new X509Certificate(each));
}

/** Of a header that came several times the first counts. */
function first(headers: RequestHeaders, names: readonly string[]): string | undefined {
  for (const name of names) {
    const [value = ''] = headerValues(headers, name.toLowerCase());
    if (value !== '') return value;
  }
  return undefined;
}

const givenValues = (headers: RequestHeaders, name: string): string[] =>
  headerValues(headers, name.toLowerCase()).filter((value) => value !== '');

function unescaped(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // A stray percent sign stands for itself.
    return key;
  }
}

/** What an API server behind this one needs to believe it, as Kubernetes publishes it. */
export function authenticationConfigMap(
  flags: FrontProxyFlags,
  pems: { readonly proxyCa: string | undefined; readonly clientCa: string },
): Readonly<Record<string, string>> {
  const data = { 'client-ca-file': pems.clientCa };
  if (pems.proxyCa === undefined) return data;
  return {
    ...data,
    'requestheader-allowed-names': JSON.stringify(flags.allowedNames),
    'requestheader-client-ca-file': pems.proxyCa,
    'requestheader-extra-headers-prefix': JSON.stringify(flags.extraHeadersPrefixes),
    'requestheader-group-headers': JSON.stringify(flags.groupHeaders),
    'requestheader-uid-headers': JSON.stringify(flags.uidHeaders),
    'requestheader-username-headers': JSON.stringify(flags.usernameHeaders),
  };
}
