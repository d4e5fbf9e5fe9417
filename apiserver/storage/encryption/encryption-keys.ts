import { readFileSync } from 'node:fs';
import type { Logger } from '../../../base/logger.ts';
import { parseEncryptionConfiguration } from './configuration.ts';
import { KeyRing } from './key-ring.ts';

/** The keys of this server: from a file that may change, and agreed upon with the other servers. */
export class EncryptionKeys {
  readonly ring: KeyRing;
  readonly #file: string;
  readonly #logger: Logger;
  #text: string;

  /** @throws EncryptionConfigurationError, or what reading the file threw */
  constructor(options: { readonly file: string; readonly logger: Logger }) {
    this.#file = options.file;
    this.#logger = options.logger;
    this.#text = readFileSync(options.file, 'utf8');
    this.ring = new KeyRing(parseEncryptionConfiguration(this.#text));
  }

  /** What this server tells the others: which keys it can read. */
  get announcement(): string {
    return this.ring.readable.join(',');
  }

  /** Looks at the file again. A file that cannot be used changes nothing, and is told of. */
  reload(): void {
    try {
      const text = readFileSync(this.#file, 'utf8');
      if (text === this.#text) return;
      this.ring.replace(parseEncryptionConfiguration(text));
      this.#text = text;
      this.#logger.info({ keys: this.announcement }, 'took the changed encryption configuration');
    } catch (error) {
      // A half-written file: the next round reads it whole. Until then the keys in hand go on working.
      this.#logger.error({ err: error, file: this.#file }, 'read the encryption configuration');
    }
  }

  /** @param announcements of every other living server; empty for one that has no keys */
  agree(announcements: readonly string[]): void {
    this.ring.agree(announcements.map((each) => each.split(',')));
  }
}
