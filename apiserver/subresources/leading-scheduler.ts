/**
 * Asks the scheduler that leads about placements. Where it listens stands on its Lease; who we are it sees by our
 * certificate, and it must show one of the cluster's authority for its own name.
 */
import { Agent, request as httpsRequest } from 'node:https';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';

const lease = { resource: 'coordination.k8s.io/leases', namespace: 'kube-system', name: 'kube-scheduler' };
const addressAnnotation = 'coracle.dev/placement-address';
const serverName = 'kube-scheduler.kube-system.svc';
/** Connections to the scheduler; further questions wait for one, within their deadline. */
const maxSockets = 8;
const maxAnswerBytes = 64 * 1_024 * 1_024;

export interface SchedulerTls {
  readonly cert: Buffer | undefined;
  readonly key: Buffer | undefined;
  readonly ca: Buffer | undefined;
}

export type SchedulerQuestion = '/placement' | '/outlook';

export interface LeadingSchedulerOptions {
  readonly cache: Pick<ReadCache, 'get'>;
  readonly clock: Clock;
  readonly tls: SchedulerTls;
}

interface Reply {
  readonly status: number;
  readonly body: Buffer;
}

export class LeadingScheduler {
  readonly #cache: Pick<ReadCache, 'get'>;
  readonly #clock: Clock;
  readonly #agent = new Agent({ keepAlive: true, maxSockets });
  #tls: SchedulerTls;

  constructor({ cache, clock, tls }: LeadingSchedulerOptions) {
    this.#cache = cache;
    this.#clock = clock;
    this.#tls = tls;
  }

  /** For connections that are made from now on. */
  renew(tls: SchedulerTls): void {
    this.#tls = tls;
  }

  close(): void {
    this.#agent.destroy();
  }

  /**
   * The scheduler's answer as it sent it.
   * @throws StatusError 503 when no scheduler leads, or it does not answer within `deadlineMs`
   */
  async ask(question: SchedulerQuestion, pod: Buffer, deadlineMs: number): Promise<Buffer> {
    const { holder, host, port } = this.#leader();
    let reply: Reply;
    try {
      reply = await this.#post({ host, port, question, pod, deadlineMs });
    } catch (error) {
      // Whatever is wrong with the connection: there is no answer, and it is said why.
      throw unavailable(`ask the scheduler ${holder} at ${host}:${port}: ${messageOf(error)}`, error);
    }
    if (reply.status === 200) return reply.body;
    throw unavailable(`the scheduler ${holder} does not answer: ${reply.body.toString().slice(0, 1_000)}`);
  }

  #leader(): { readonly holder: string; readonly host: string; readonly port: number } {
    const found = this.#cache.get(lease.resource, lease.namespace, lease.name);
    const { metadata, spec } = found === undefined ? noLease : (JSON.parse(found.json.toString()) as Lease);
    const holder = spec?.holderIdentity ?? '';
    if (holder === '')
      throw unavailable(`no scheduler leads: nobody holds the Lease ${lease.namespace}/${lease.name}`);
    const address = metadata?.annotations?.[addressAnnotation] ?? '';
    const [, host, port] = /^(.+):(\d+)$/.exec(address) ?? [];
    if (host === undefined)
      throw unavailable(`the scheduler ${holder} serves no answers: it runs without --tls-cert-file`);
    return { holder, host, port: Number(port) };
  }

  #post(call: {
    readonly host: string;
    readonly port: number;
    readonly question: SchedulerQuestion;
    readonly pod: Buffer;
    readonly deadlineMs: number;
  }): Promise<Reply> {
    const { host, port, question, pod, deadlineMs } = call;
    const { cert, key, ca } = this.#tls;
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        ...{ host, port, path: question, method: 'POST', agent: this.#agent, servername: serverName },
        headers: { 'content-type': 'application/json', 'content-length': pod.length },
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(ca === undefined ? {} : { ca }),
      });
      const late = (): unknown => request.destroy(new Error(`no answer within ${deadlineMs} ms`));
      const timer = this.#clock.setTimer(deadlineMs, late);
      request.once('close', () => timer.cancel());
      request.once('error', reject);
      request.once('response', (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          chunks.push(chunk);
          if (bytes > maxAnswerBytes) request.destroy(new Error('the answer is too long'));
        });
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 500, body: Buffer.concat(chunks) }),
        );
      });
      request.end(pod);
    });
  }
}

const noLease: Partial<Pick<Lease, 'metadata' | 'spec'>> = {};

const unavailable = (message: string, cause?: unknown): StatusError =>
  new StatusError({
    ...{ reason: 'ServiceUnavailable', code: 503, message, details: { retryAfterSeconds: 1 } },
    cause,
  });
