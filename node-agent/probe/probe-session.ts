/**
 * The probes of one running container. The startup probe runs alone until it passes; then readiness and liveness run,
 * each on its own period. The first check comes as soon as `initialDelaySeconds` allows, and while a container is not
 * ready yet it is checked again soon after a failure, so that Ready follows the fact closely.
 */
import type { Container, EphemeralContainer, Probe } from '../../api/generated/core-v1.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { ProbeFact } from '../pod/pod-facts.ts';
import type { CheckResult, ProbeChecks } from './probe-checks.ts';
import { countResult, decisionOf, noResults, type ProbeCount, timesOf } from './probe-count.ts';
import { resolvePort } from './probe-port.ts';

type ProbeKind = 'startup' | 'readiness' | 'liveness';

/** Between the first tries of a container that starts slowly: 50 ms, doubled up to its period. */
const firstRetryMs = 50;
const maxMessageCharacters = 1_000;

export interface ProbeSessionOptions {
  readonly container: Container | EphemeralContainer;
  readonly containerId: string;
  readonly address: string;
  readonly startedAtMs: number;
  readonly initial: ProbeFact;
  readonly checks: ProbeChecks;
  readonly clock: Clock;
  readonly onFact: (fact: ProbeFact) => void;
  /** Text of the `Unhealthy` event. */
  readonly onFailure: (message: string) => void;
  /** Told of a check that passed, but not as it should. */
  readonly onWarning: (message: string) => void;
}

interface Series {
  readonly probe: Probe;
  count: ProbeCount;
  /** Checks so far that failed while the container had never passed this probe. */
  earlyFailures: number;
  hasPassed: boolean;
  timer: Timer | undefined;
}

export class ProbeSession {
  readonly #options: ProbeSessionOptions;
  readonly #series = new Map<ProbeKind, Series>();
  #fact: ProbeFact;
  #isStopped = false;

  constructor(options: ProbeSessionOptions) {
    this.#options = options;
    this.#fact = options.initial;
    const { startupProbe, readinessProbe, livenessProbe } = options.container;
    this.#add('startup', startupProbe, options.initial.startup === 'passed');
    this.#add('readiness', readinessProbe, options.initial.readiness);
    this.#add('liveness', livenessProbe, false);
  }

  start(): void {
    if (this.#fact.startup === 'pending') this.#schedule('startup', this.#firstDelayMs('startup'));
    else this.#startSteady();
  }

  stop(): void {
    this.#isStopped = true;
    for (const series of this.#series.values()) series.timer?.cancel();
  }

  /** An ending container is no longer judged alive or dead. */
  stopLiveness(): void {
    for (const kind of ['startup', 'liveness'] as const) {
      this.#series.get(kind)?.timer?.cancel();
      this.#series.delete(kind);
    }
  }

  #add(kind: ProbeKind, probe: Probe | undefined, hasPassed: boolean): void {
    if (probe === undefined) return;
    this.#series.set(kind, { probe, count: noResults, earlyFailures: 0, hasPassed, timer: undefined });
  }

  #startSteady(): void {
    for (const kind of ['readiness', 'liveness'] as const)
      if (this.#series.has(kind)) this.#schedule(kind, this.#firstDelayMs(kind));
  }

  #firstDelayMs(kind: ProbeKind): number {
    const series = this.#series.get(kind);
    if (series === undefined) return 0;
    const { initialDelayMs } = timesOf(series.probe);
    return Math.max(0, this.#options.startedAtMs + initialDelayMs - this.#options.clock.nowMs());
  }

  #schedule(kind: ProbeKind, delayMs: number): void {
    const series = this.#series.get(kind);
    if (series === undefined || this.#isStopped) return;
    series.timer = this.#options.clock.setTimer(
      delayMs,
      () => {
        this.#probe(kind, series).catch((error: unknown) => this.#options.onFailure(messageOf(error)));
      },
      { unref: true },
    );
  }

  async #probe(kind: ProbeKind, series: Series): Promise<void> {
    const startedMs = this.#options.clock.monotonicMs();
    const result = await this.#check(series.probe);
    if (this.#isStopped || this.#series.get(kind) !== series) return;
    this.#judge(kind, series, result);
    const tookMs = this.#options.clock.monotonicMs() - startedMs;
    this.#schedule(kind, Math.max(0, this.#waitMs(kind, series, result) - tookMs));
  }

  #waitMs(kind: ProbeKind, series: Series, result: CheckResult): number {
    const { periodMs } = timesOf(series.probe);
    if (kind === 'liveness' || series.hasPassed || result.outcome !== 'failure') return periodMs;
    return Math.min(periodMs, firstRetryMs * 2 ** Math.min(20, series.earlyFailures - 1));
  }

  #judge(kind: ProbeKind, series: Series, { outcome, message }: CheckResult): void {
    const label = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} probe`;
    if (outcome === 'unknown') {
      this.#options.onFailure(
        `${label} errored and resulted in unknown state: ${message.slice(0, maxMessageCharacters)}`,
      );
      return;
    }
    if (outcome === 'failure' && this.#isEarly(kind, series)) return;
    if (outcome === 'failure')
      this.#options.onFailure(`${label} failed: ${message.slice(0, maxMessageCharacters)}`);
    if (outcome === 'warning')
      this.#options.onWarning(`${label} warning: ${message.slice(0, maxMessageCharacters)}`);
    series.count = countResult(series.count, outcome === 'failure' ? 'failure' : 'success');
    const decision = decisionOf(series.count, series.probe);
    if (decision === 'success') series.hasPassed = true;
    if (decision !== undefined) this.#decide(kind, decision);
  }

  /**
   * The extra checks between two periods may only bring good news early: a failure counts, and is told, once a period.
   */
  #isEarly(kind: ProbeKind, series: Series): boolean {
    if (kind === 'liveness' || series.hasPassed) return false;
    series.earlyFailures += 1;
    const { periodMs } = timesOf(series.probe);
    return firstRetryMs * 2 ** (series.earlyFailures - 1) < periodMs;
  }

  #decide(kind: ProbeKind, decision: 'success' | 'failure'): void {
    const previous = this.#fact;
    if (kind === 'readiness') this.#fact = { ...previous, readiness: decision === 'success' };
    if (kind === 'liveness') this.#fact = { ...previous, liveness: decision === 'success' ? 'ok' : 'failed' };
    if (kind === 'startup')
      this.#fact = { ...previous, startup: decision === 'success' ? 'passed' : 'failed' };
    const changed =
      previous.readiness !== this.#fact.readiness ||
      previous.liveness !== this.#fact.liveness ||
      previous.startup !== this.#fact.startup;
    if (!changed) return;
    this.#options.onFact(this.#fact);
    if (kind !== 'startup') return;
    this.#series.get('startup')?.timer?.cancel();
    this.#series.delete('startup');
    if (decision === 'success') this.#startSteady();
  }

  async #check(probe: Probe): Promise<CheckResult> {
    const { checks, container, containerId, address } = this.#options;
    const { timeoutMs } = timesOf(probe);
    try {
      if (probe.exec !== undefined)
        return await checks.exec({ containerId, command: probe.exec.command ?? [], timeoutMs });
      if (probe.httpGet !== undefined) {
        const port = resolvePort(probe.httpGet.port, container);
        return await checks.httpGet({ action: { ...probe.httpGet, port }, address, timeoutMs });
      }
      if (probe.grpc !== undefined)
        return await checks.grpc({
          host: address,
          port: probe.grpc.port,
          service: probe.grpc.service ?? '',
          timeoutMs,
        });
      if (probe.tcpSocket !== undefined) {
        const { host = '', port } = probe.tcpSocket;
        return await checks.tcpSocket({
          host: host === '' ? address : host,
          port: resolvePort(port, container),
          timeoutMs,
        });
      }
      return { outcome: 'unknown', message: `missing probe handler for ${container.name}` };
    } catch (error) {
      // A port that does not exist: the probe can never be made, and the event says so.
      return { outcome: 'unknown', message: messageOf(error) };
    }
  }
}
