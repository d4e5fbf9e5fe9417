import { everything } from '../../api/selector.ts';
import type { Authorizer, Decision } from '../authorization/authorizer.ts';
import type { UserInfo } from '../registry/strategy.ts';

/** A question about one resource that the request itself does not name. */
export interface Asked {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** What plugins ask of the authorizer: may this user do something that follows from the request? */
export class Permissions {
  readonly #authorizer: Authorizer;

  constructor(authorizer: Authorizer) {
    this.#authorizer = authorizer;
  }

  async decide(user: UserInfo, asked: Asked): Promise<Decision> {
    return this.#authorizer.authorize({ ...asked, user, isResource: true, path: '', fields: everything });
  }

  /** Rights on signers are given by name, or for all of a domain as `<domain>/*`. */
  async mayUseSigner(user: UserInfo, verb: 'approve' | 'sign', signerName: string): Promise<boolean> {
    const signer = { group: 'certificates.k8s.io', version: '*', resource: 'signers', subresource: '' };
    for (const name of [signerName, `${signerName.split('/')[0]}/*`])
      if ((await this.decide(user, { ...signer, verb, namespace: '', name })).allowed) return true;
    return false;
  }
}
