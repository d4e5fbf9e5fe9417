import type { Clock } from '../../base/clock.ts';
import { type Random, randomUuid } from '../../base/random.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { type AuditFacts, type AuditOutcome, toAuditLine } from './audit-event.ts';
import type { AuditNotes } from './audit-notes.ts';
import {
  type AuditedRequest,
  type AuditLevel,
  type AuditPolicy,
  type AuditStage,
  ruleFor,
} from './policy.ts';
import type { RotatingFile } from './rotating-file.ts';

/** What is known of a request when it is known who asks. */
export interface AuditStart {
  readonly request: AuditedRequest & { readonly version: string };
  readonly uri: string;
  /** Undefined when they could not say who they are. */
  readonly user: UserInfo | undefined;
  /** In the order in which the request passed them, as far as it says so; the last one is who connected. */
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  readonly auditId: string;
  readonly receivedMs: number;
}

const maxIdLength = 64;
const nobody: UserInfo = { name: '', uid: '', groups: [], extra: {} };

type Outcome = Omit<AuditOutcome, 'stage' | 'atMs'>;

/** A request on its way. */
export interface AuditedCourse {
  /** Whether the policy wants the bodies. */
  readonly wantsRequest: boolean;
  readonly wantsResponse: boolean;
  /** What is told of the request beside how it ended. */
  readonly notes: AuditNotes;
  /** They may act as another. */
  actsAs(impersonated: UserInfo): void;
  /** A long answer has begun, or it is the only thing that is ever told of the request. */
  started(outcome: Outcome): void;
  complete(outcome: Outcome): void;
  /** In place of `complete`: the server failed at it in a way that nobody foresaw. */
  panicked(outcome: Outcome): void;
}

/** What an operator looks at. */
export interface AuditFigures {
  /** Events that were to be written. */
  readonly events: number;
  /** Of these, those that were not. */
  readonly lost: number;
  /** Requests by the level that the policy gave them. */
  readonly levels: ReadonlyMap<AuditLevel, number>;
}

/** Tells of requests what the policy wants told. Costs a request that is not told of one look at the rules. */
export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #file: RotatingFile;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #levels = new Map<AuditLevel, number>();
  #events = 0;

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

  get figures(): AuditFigures {
    return { events: this.#events, lost: this.#file.lost, levels: this.#levels };
  }

  /** What a request is called in the log and in its answer. @param given by the client */
  idOf(given: string | undefined): string {
    return given === undefined || given === '' ? randomUuid(this.#random) : given.slice(0, maxIdLength);
  }

  /** Undefined when nothing is to be told of it. */
  begin(start: AuditStart): AuditedCourse | undefined {
    const user = start.user ?? nobody;
    const rule = ruleFor(this.#policy, start.request, user);
    const level = rule?.level ?? 'None';
    this.#levels.set(level, (this.#levels.get(level) ?? 0) + 1);
    if (rule === undefined) return undefined;
    const notes: AuditNotes = { annotations: new Map() };
    const facts: AuditFacts = {
      ...{ ...start, user, notes, impersonated: undefined },
      ...{ level: rule.level, omitManagedFields: rule.omitManagedFields },
    };
    const tell = (stage: AuditStage, outcome: Outcome, atMs = this.#clock.nowMs()): void => {
      if (rule.omitStages.has(stage)) return;
      this.#events += 1;
      this.#file.append(toAuditLine(facts, { ...outcome, stage, atMs }));
    };
    if (start.user !== undefined) tell('RequestReceived', { code: 0 }, start.receivedMs);
    return {
      wantsRequest: rule.level === 'Request' || rule.level === 'RequestResponse',
      wantsResponse: rule.level === 'RequestResponse',
      notes,
      actsAs: (impersonated) => {
        facts.impersonated = impersonated;
      },
      started: (outcome) => tell('ResponseStarted', outcome),
      complete: (outcome) => tell('ResponseComplete', outcome),
      panicked: (outcome) => tell('Panic', { ...outcome, status: panicOf(outcome.status) }),
    };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** In Kubernetes' words. */
function panicOf(status: Outcome['status']): Outcome['status'] {
  return { reason: 'InternalError', message: `APIServer panic'd: ${status?.message ?? ''}` };
}
