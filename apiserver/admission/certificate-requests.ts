import { isDeepStrictEqual } from 'node:util';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { mastersGroup } from '../authentication/authenticator.ts';
import { requestedSubject } from '../registry/requested-subject.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import type { Permissions } from './permissions.ts';

const resource = 'certificates.k8s.io/certificatesigningrequests';
const signer = 'kubernetes.io/kube-apiserver-client';

/** Nobody becomes an administrator through a signing request. */
export class CertificateSubjectRestriction implements AdmissionPlugin {
  readonly name = 'CertificateSubjectRestriction';

  validate(attributes: AdmissionAttributes): void {
    const { operation, strategy, subresource, object } = attributes;
    if (operation !== 'CREATE' || subresource !== '' || strategy.resource !== resource) return;
    const { spec } = object as Request;
    if (spec.signerName !== signer) return;
    // Validation has read it before; what cannot be read asks for nothing good.
    const subject = requestedSubject(spec.request);
    if (subject !== undefined && !subject.organizations.includes(mastersGroup)) return;
    throw refusal(attributes, `use of ${signer} signer with system:masters group is not allowed`);
  }
}

type Request = CertificateSigningRequest & AnyObject;

/** Who decides about a request needs that right for its signer. The old object says which: it cannot be changed. */
export class CertificateApproval implements AdmissionPlugin {
  readonly name = 'CertificateApproval';
  readonly #permissions: Permissions;

  constructor(permissions: Permissions) {
    this.#permissions = permissions;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, previous, user } = attributes;
    if (operation !== 'UPDATE' || subresource !== 'approval' || strategy.resource !== resource) return;
    const { signerName } = (previous as Request).spec;
    if (await this.#permissions.mayUseSigner(user, 'approve', signerName)) return;
    throw refusal(
      attributes,
      `user not permitted to approve requests with signerName ${JSON.stringify(signerName)}`,
    );
  }
}

/** And who puts the certificate in needs the right to sign. */
export class CertificateSigning implements AdmissionPlugin {
  readonly name = 'CertificateSigning';
  readonly #permissions: Permissions;

  constructor(permissions: Permissions) {
    this.#permissions = permissions;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object, previous, user } = attributes;
    if (operation !== 'UPDATE' || subresource !== 'status' || strategy.resource !== resource) return;
    const [next, current] = [object as Request, previous as Request];
    const same = next.status?.certificate === current.status?.certificate;
    if (same && isDeepStrictEqual(next.status?.conditions ?? [], current.status?.conditions ?? [])) return;
    const { signerName } = current.spec;
    if (await this.#permissions.mayUseSigner(user, 'sign', signerName)) return;
    throw refusal(
      attributes,
      `user not permitted to sign requests with signerName ${JSON.stringify(signerName)}`,
    );
  }
}
