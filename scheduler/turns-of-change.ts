import type { Clock, Timer } from '../base/clock.ts';

/** After looking, as long a rest as this times the time that it took. */
const restPerWork = 9;

/** What has changed since somebody looked. */
export interface Changes {
  /** Nodes that came, went, changed, or have more room. */
  readonly nodes: ReadonlySet<string>;
  /** Pods came, went, or began to end, or the domains did in which they count. */
  readonly pods: boolean;
  /** What pods forbid others went away, or is elsewhere now. */
  readonly terms: boolean;
}

export interface TurnsOfChangeOptions {
  readonly clock: Clock;
  /** Nobody wants to know. */
  readonly isIdle: () => boolean;
  readonly look: (changes: Changes) => void;
  /** Between two looks at least; 0: what comes in one turn is looked at in the next. */
  readonly restMs: number;
}

/** Has changes looked at together, those of a turn or of a rest; looking takes a tenth of the time at most. */
export class TurnsOfChange {
  readonly #options: TurnsOfChangeOptions;
  #changes: { nodes: Set<string>; pods: boolean; terms: boolean } = noChanges();
  #due: Timer | undefined;
  #restUntilMs = 0;

  constructor(options: TurnsOfChangeOptions) {
    this.#options = options;
  }

  addNode(name: string): void {
    this.#changes.nodes.add(name);
    this.#schedule();
  }

  addPods(terms: boolean): void {
    this.#changes.pods = true;
    this.#changes.terms ||= terms;
    this.#schedule();
  }

  #schedule(): void {
    const { clock, isIdle } = this.#options;
    if (this.#due !== undefined) return;
    if (isIdle()) {
      this.#changes = noChanges();
      return;
    }
    const restMs = this.#restUntilMs - clock.monotonicMs();
    const run = (): void => this.#look();
    this.#due = restMs > 0 ? clock.setTimer(restMs, run, { unref: true }) : clock.setImmediate(run);
  }

  #look(): void {
    const { clock, look, restMs } = this.#options;
    const startMs = clock.monotonicMs();
    const changes = this.#changes;
    this.#due = undefined;
    this.#changes = noChanges();
    look(changes);
    const endMs = clock.monotonicMs();
    this.#restUntilMs = endMs + Math.max(restMs, restPerWork * (endMs - startMs));
  }
}

const noChanges = () => ({ nodes: new Set<string>(), pods: false, terms: false });
