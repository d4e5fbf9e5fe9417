/**
 * Brings the statuses of pods to the API: one write per pod at a time, the newest wins, what has not changed is not
 * written, what failed is tried again until it is written or outdated.
 */
import type { Pod, PodStatus } from '../../api/generated/core-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { statusPatch } from './status-patch.ts';

const maxWritesInFlight = 16;
const retryBackoff: BackoffPolicy = { initialMs: 100, maxMs: 5_000, factor: 2, jitter: 0.3 };

export interface StatusWriterOptions {
  readonly client: Pick<ApiClient, 'patch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

interface Submission {
  readonly pod: Pod;
  readonly status: PodStatus;
  readonly onWritten: () => void;
}

export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #waiting = new Map<string, Submission>();
  readonly #writing = new Set<string>();
  /** The API's answer to the last write, by uid: newer than the informer for a moment. */
  readonly #answers = new Map<string, Pod>();
  readonly #abort = new AbortController();

  constructor(options: StatusWriterOptions) {
    this.#options = options;
  }

  /** `onWritten` is called once the API has this status or nothing is left to write it to. */
  submit(pod: Pod, status: PodStatus, onWritten: () => void): void {
    this.#waiting.set(pod.metadata.uid, { pod, status, onWritten });
    this.#startWrites();
  }

  forget(uid: string): void {
    this.#waiting.delete(uid);
    this.#answers.delete(uid);
  }

  stop(): void {
    this.#abort.abort();
  }

  #startWrites(): void {
    for (const [uid, submission] of this.#waiting) {
      if (this.#writing.size >= maxWritesInFlight) return;
      if (this.#writing.has(uid)) continue;
      this.#waiting.delete(uid);
      this.#writing.add(uid);
      this.#write(uid, submission)
        .catch((error: unknown) => this.#options.logger.error({ err: error, uid }, 'write a pod status'))
        .finally(() => {
          this.#writing.delete(uid);
          this.#startWrites();
        });
    }
  }

  async #write(uid: string, submission: Submission): Promise<void> {
    const { clock, random, logger } = this.#options;
    const { signal } = this.#abort;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      if (this.#waiting.has(uid) && attempt > 0) return;
      try {
        await this.#patch(uid, submission);
        return submission.onWritten();
      } catch (error) {
        if (isNotFound(error) || isConflict(error)) return submission.onWritten();
        logger.warn({ err: error, pod: submission.pod.metadata.name, attempt }, 'write a pod status');
        await delay(clock, backoffMs(retryBackoff, attempt, random), signal);
      }
    }
  }

  async #patch(uid: string, { pod, status }: Submission): Promise<void> {
    const body = statusPatch(this.#newest(uid, pod), status);
    if (body === undefined) return;
    const { namespace, name } = pod.metadata;
    const answer = await this.#options.client.patch(
      pods,
      { namespace, name },
      { type: 'strategic', body: { metadata: { uid }, status: body } },
      { subresource: 'status' },
    );
    this.#answers.set(uid, answer);
  }

  #newest(uid: string, pod: Pod): Pod {
    const answer = this.#answers.get(uid);
    if (answer === undefined) return pod;
    return BigInt(answer.metadata.resourceVersion) > BigInt(pod.metadata.resourceVersion || '0')
      ? answer
      : pod;
  }
}
