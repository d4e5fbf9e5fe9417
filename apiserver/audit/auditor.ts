import type { Clock } from '../../base/clock.ts';
import { type Random, randomUuid } from '../../base/random.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { type AuditFacts, type AuditOutcome, toAuditLine } from './audit-event.ts';
import { type AuditedRequest, type AuditPolicy, type AuditStage, ruleFor } from './policy.ts';
import type { RotatingFile } from './rotating-file.ts';

/** What is known of a request when it is known who asks. */
export interface AuditStart {
  readonly request: AuditedRequest & { readonly version: string };
  readonly uri: string;
  readonly user: UserInfo;
  readonly impersonated: UserInfo | undefined;
  readonly sourceIp: string;
  readonly userAgent: string;
  /** What the client calls the request, if it does. */
  readonly auditId: string | undefined;
  readonly receivedMs: number;
}

const maxIdLength = 64;

/** A request on its way. */
export interface AuditedCourse {
  /** Whether the policy wants the bodies. */
  readonly wantsRequest: boolean;
  readonly wantsResponse: boolean;
  /** What is told of the request beside how it ended, by full key. */
  readonly annotations: Map<string, string>;
  /** A long answer has begun. */
  started(code: number): void;
  complete(outcome: Omit<AuditOutcome, 'stage' | 'atMs'>): void;
  /** In place of `complete`: the server failed at it in a way that nobody foresaw. */
  panicked(outcome: Omit<AuditOutcome, 'stage' | 'atMs'>): void;
}

/** Tells of requests what the policy wants told. Costs a request that is not told of one look at the rules. */
export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #file: RotatingFile;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(options: {
    readonly policy: AuditPolicy;
    readonly file: RotatingFile;
    readonly clock: Clock;
    readonly random: Random;
  }) {
    this.#policy = options.policy;
    this.#file = options.file;
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** Events that could not be written. */
  get lost(): number {
    return this.#file.lost;
  }

  /** Undefined when nothing is to be told of it. */
  begin(start: AuditStart): AuditedCourse | undefined {
    const rule = ruleFor(this.#policy, start.request, start.impersonated ?? start.user);
    if (rule === undefined) return undefined;
    const annotations = new Map<string, string>();
    const facts: AuditFacts = {
      ...start,
      auditId: start.auditId?.slice(0, maxIdLength) ?? randomUuid(this.#random),
      ...{ annotations, level: rule.level, omitManagedFields: rule.omitManagedFields },
      sourceIps: [start.sourceIp],
    };
    const tell = (stage: AuditStage, outcome: Omit<AuditOutcome, 'stage' | 'atMs'>): void => {
      if (rule.omitStages.has(stage)) return;
      this.#file.append(toAuditLine(facts, { ...outcome, stage, atMs: this.#clock.nowMs() }));
    };
    tell('RequestReceived', { code: 0 });
    return {
      wantsRequest: rule.level === 'Request' || rule.level === 'RequestResponse',
      wantsResponse: rule.level === 'RequestResponse',
      annotations,
      started: (code) => tell('ResponseStarted', { code }),
      complete: (outcome) => tell('ResponseComplete', outcome),
      panicked: (outcome) => tell('Panic', outcome),
    };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
