import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { forbidden } from '../../api/status-error.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

const signer = 'kubernetes.io/kube-apiserver-client';
const group = Buffer.from('system:masters');
/** DER of the attribute type organization, 2.5.4.10. */
const organization = Buffer.from([0x06, 0x03, 0x55, 0x04, 0x0a]);

/** Nobody becomes an administrator through a signing request. */
export class CertificateSubjectRestriction implements AdmissionPlugin {
  readonly name = 'CertificateSubjectRestriction';

  validate({ operation, strategy, subresource, object, name }: AdmissionAttributes): void {
    if (operation !== 'CREATE' || subresource !== '' || object === undefined) return;
    if (strategy.resource !== 'certificates.k8s.io/certificatesigningrequests') return;
    const { spec } = object as CertificateSigningRequest & AnyObject;
    if (spec.signerName !== signer || !asksForMasters(spec.request)) return;
    throw forbidden(strategy.kind, name, `use of ${signer} signer with system:masters group is not allowed`);
  }
}

function asksForMasters(request = ''): boolean {
  const pem = Buffer.from(request, 'base64').toString('latin1');
  const body = /-----BEGIN CERTIFICATE REQUEST-----([\s\S]*?)-----END/.exec(pem)?.[1] ?? '';
  const der = Buffer.from(body, 'base64');
  for (let at = der.indexOf(organization); at >= 0; at = der.indexOf(organization, at + 1)) {
    // Behind the type: a string's tag, its length in one byte, its bytes.
    const value = at + organization.length + 2;
    const length = der[value - 1] ?? 0;
    if (der.subarray(value, value + length).equals(group)) return true;
  }
  return false;
}
