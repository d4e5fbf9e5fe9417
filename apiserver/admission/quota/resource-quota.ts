import type { Clock } from '../../../base/clock.ts';
import type { Storage } from '../../storage/storage.ts';
import type { ReadCache } from '../../watch-cache/read-cache.ts';
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.ts';
import { charge, isCounted } from './charge.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { QuotaStates } from './quota-states.ts';

/** What a namespace may hold. Whoever gets in is written together with what is then used. */
export class ResourceQuotaAdmission implements AdmissionPlugin {
  readonly name = 'ResourceQuota';
  readonly #states: QuotaStates;
  readonly #ledger: QuotaLedger;
  readonly #clock: Clock;

  constructor(deps: { readonly cache: ReadCache; readonly storage: Storage; readonly clock: Clock }) {
    this.#states = new QuotaStates(deps.cache);
    this.#clock = deps.clock;
    this.#ledger = new QuotaLedger({ storage: deps.storage, states: this.#states, clock: deps.clock });
  }

  validate(attributes: AdmissionAttributes): void | Promise<void> {
    if (!isCounted(attributes) || this.#states.of(attributes.namespace).length === 0) return;
    return this.#judge(attributes);
  }

  async #judge(attributes: AdmissionAttributes): Promise<void> {
    let charged: boolean;
    try {
      charged = this.#charges(attributes);
    } catch {
      // The cache may be behind: whoever has made room a moment ago counts.
      await this.#states.refresh();
      charged = this.#charges(attributes);
    }
    if (charged && !attributes.dryRun)
      attributes.committer = { commit: (writes) => this.#ledger.commit(attributes, writes) };
  }

  /** @throws StatusError 403 */
  #charges(attributes: AdmissionAttributes): boolean {
    return charge(attributes, this.#states.of(attributes.namespace), this.#clock.nowMs()).length > 0;
  }
}
