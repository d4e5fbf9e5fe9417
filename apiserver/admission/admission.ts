import type { AnyObject } from '../../api/kind-info.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';

/** What is about to be written, and by whom. */
export interface AdmissionAttributes {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly strategy: KindStrategy;
  readonly namespace: string;
  /** Empty while it is yet to be generated. */
  readonly name: string;
  readonly subresource: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Undefined for a deletion. A mutating plugin changes it in place. */
  readonly object: AnyObject | undefined;
  readonly previous: AnyObject | undefined;
}

/** One rule of admission. All mutating ones come before all validating ones, in the order of the list. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Changes `attributes.object`. @throws StatusError to refuse. */
  mutate?(attributes: AdmissionAttributes): void | Promise<void>;
  /** @throws StatusError to refuse. */
  validate?(attributes: AdmissionAttributes): void | Promise<void>;
}

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      const running = plugin.mutate?.(attributes);
      if (running !== undefined) await running;
    }
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      const running = plugin.validate?.(attributes);
      if (running !== undefined) await running;
    }
  }
}
