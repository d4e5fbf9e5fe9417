/** With more nodes each pings less often: a thousand pings a second come from all of them at most. */
const periodPerNodeMs = 1;
const leastMs = 1_000;
/** Up to this long, and the time of a ping, an agent may follow a server that is silent without noticing it. */
const mostMs = 5_000;

/** How often the agents of a cluster ping their server while nothing waits for its answer. */
export class PingPace {
  #countNodes: () => number = () => 0;

  /** To be called when there is somebody who knows how many nodes there are. */
  follow(countNodes: () => number): void {
    this.#countNodes = countNodes;
  }

  readonly periodMs = (): number => Math.min(mostMs, Math.max(leastMs, this.#countNodes() * periodPerNodeMs));
}
