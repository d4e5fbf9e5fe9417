import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

/** What a PKCS#10 request asks for, as far as signers judge it. */
export interface RequestFacts {
  /** The last one when there are several, as everybody reads it who is shown the certificate. */
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
}

/** A request that is none, or that is not signed by its own key. */
export class RequestError extends Error {
  readonly code = 'CERTIFICATE_REQUEST';
}

/** @param request base64 of PEM, as in `spec.request`. @throws RequestError */
export function parseRequest(request: string): x509.Pkcs10CertificateRequest {
  try {
    return new x509.Pkcs10CertificateRequest(Buffer.from(request, 'base64').toString('latin1'));
  } catch (cause) {
    throw new RequestError(`unable to parse the certificate request: ${String(cause)}`, { cause });
  }
}

/** Names and addresses that the certificate shall be for, beside its subject. */
export function alternativeNames(request: x509.Pkcs10CertificateRequest): x509.JsonGeneralNames {
  const found = request.extensions.find((each) => each instanceof x509.SubjectAlternativeNameExtension);
  return found instanceof x509.SubjectAlternativeNameExtension ? found.names.toJSON() : [];
}

export function factsOf(request: x509.Pkcs10CertificateRequest): RequestFacts {
  const subject = request.subjectName;
  const names = alternativeNames(request);
  const of = (type: string): string[] => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    commonName: subject.getField('CN').at(-1) ?? '',
    organizations: subject.getField('O'),
    dnsNames: of('dns'),
    ipAddresses: of('ip'),
    emailAddresses: of('email'),
    uris: of('url'),
  };
}
