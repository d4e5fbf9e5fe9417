/**
 * Keeps one certificate of the node fresh: long before it ends the agent makes a new key, orders a certificate for it and replaces the file.
 * Who uses the file reads it again by itself, so nothing is started anew and no request fails.
 *
 * INVARIANTS: the file always holds a key and a certificate for it; a key never leaves the node.
 */
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import {
  type CertificateLife,
  lifeOfCertificate,
  pairText,
  readIfPresent,
  replaceSecretFile,
} from '../../client/certificate-file.ts';
import type { ApiClient } from '../../client/client.ts';
import { type CertificateOrder, requestCertificate } from '../../client/request-certificate.ts';
import { createPrivateKeyPem } from '../../client/signing-request.ts';

/** The share of its life after which a certificate is replaced: spread, so that not all nodes come at the same time. */
const leastShare = 0.7;
const shareSpread = 0.2;
/** Somebody else may have replaced the file, or set the clock. */
const lookAgainMs = 3_600_000;
/** Who is not answered for so long makes a new key and asks anew. */
const orderTimeoutMs = 15 * 60_000;
const retryBackoff: BackoffPolicy = { initialMs: 2_000, maxMs: 300_000, factor: 2, jitter: 0.3 };

export interface RotationOptions {
  /** `client` or `serving`, for the log. */
  readonly what: string;
  readonly path: string;
  readonly order: (privateKey: string) => CertificateOrder;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Pure. @param draw from 0 to 1 */
export function rotationTimeMs({ beginMs, endMs }: CertificateLife, draw: number): number {
  return beginMs + (endMs - beginMs) * (leastShare + shareSpread * draw);
}

export class CertificateRotation {
  readonly #options: RotationOptions;
  readonly #ready = Promise.withResolvers<void>();
  #seen = '';
  #dueMs = 0;

  constructor(options: RotationOptions) {
    this.#options = options;
  }

  /** Resolves when the file is there. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { what, clock, random, logger } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      try {
        const waitMs = (await this.#due()) - clock.nowMs();
        if (waitMs > 0) await delay(clock, Math.min(waitMs, lookAgainMs), signal);
        else await this.#rotate(signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn({ err: error, what }, 'renew the certificate of the node');
        await delay(clock, backoffMs(retryBackoff, failures, random), signal);
        failures += 1;
      }
    }
  }

  /** When what lies there is to be replaced; at once when there is nothing, or nothing of use. */
  async #due(): Promise<number> {
    const { path, what, random, logger } = this.#options;
    const text = await readIfPresent(path);
    if (text === undefined) return 0;
    this.#ready.resolve();
    if (text === this.#seen) return this.#dueMs;
    this.#seen = text;
    this.#dueMs = rotationTimeMs(lifeOfCertificate(text), random.next());
    logger.info({ what, due: new Date(this.#dueMs).toISOString() }, 'certificate of the node');
    return this.#dueMs;
  }

  async #rotate(signal: AbortSignal): Promise<void> {
    const { path, what, order, clock, logger } = this.#options;
    const late = new AbortController();
    const timer = clock.setTimer(orderTimeoutMs, () => late.abort(new Error('nobody signed it in time')));
    const key = createPrivateKeyPem();
    try {
      const until = AbortSignal.any([signal, late.signal]);
      const cert = await requestCertificate(order(key), this.#options, until);
      const { beginMs, endMs } = lifeOfCertificate(cert);
      if (clock.nowMs() < beginMs || clock.nowMs() >= endMs)
        logger.warn(
          { what },
          'the new certificate is not valid now: does the clock of this machine go right?',
        );
      await replaceSecretFile(path, pairText({ cert, key }));
      logger.info({ what }, 'certificate of the node renewed');
    } finally {
      timer.cancel();
    }
  }
}
