import type { Pod } from '../../../api/generated/core-v1.ts';
import { pods } from '../../../api/generated/resources.ts';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { systemRandom } from '../../../base/random.ts';
import type { ApiClient } from '../../../client/client.ts';
import { Reflector } from '../../../client/reflector.ts';
import { decodeJson } from '../../../client/response.ts';
import type { DecodeLine } from '../../../client/watch-stream.ts';

const head =
  /^\{"type":"([A-Z]+)","object":\{"kind":"Pod","apiVersion":"v1","metadata":\{"resourceVersion":"(\d+)","name":"([^"]+)","namespace":"[^"]+","uid":"([^"]+)"/;
const nodeField = '"nodeName":"';

/**
 * As much of a pod as is looked at here. On two processors the one who watches takes from those who are watched: parsing
 * whole pods takes twenty microseconds of each, and this takes three.
 */
export const decodePodLine: DecodeLine = (request, line) => {
  const [, type, version, name, uid] = head.exec(line) ?? [];
  if (type === undefined) return decodeJson(request, line);
  // Behind it comes the status only, which has no such field; elsewhere it may be that of an affinity.
  const at = line.lastIndexOf(nodeField);
  const start = at + nodeField.length;
  const nodeName = at < 0 ? '' : line.slice(start, line.indexOf('"', start));
  return decodeJson(
    request,
    `{"type":"${type}","object":{"metadata":{"resourceVersion":"${version}","name":"${name}","uid":"${uid}"},"spec":{"nodeName":"${nodeName}"}}}`,
  );
};

/** When a watcher has seen which pod bound. */
export class BoundPods {
  readonly #atMs = new Map<string, number>();
  readonly #reflector: Reflector<Pod>;
  #wake: () => void = () => undefined;

  /** @param client that decodes lines of watches by `decodePodLine` */
  constructor(client: Pick<ApiClient, 'list' | 'watch'>) {
    this.#reflector = new Reflector({
      ...{
        client,
        type: pods,
        selection: {},
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
      },
      sink: {
        replace: (all) => {
          for (const pod of all) this.#look(pod);
        },
        upsert: (pod) => this.#look(pod),
        remove: () => undefined,
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#reflector.run(signal);
  }

  /** Undefined: not seen bound yet. */
  atMs(name: string): number | undefined {
    return this.#atMs.get(name);
  }

  clear(): void {
    this.#atMs.clear();
  }

  async whenBound(name: string): Promise<void> {
    while (!this.#atMs.has(name))
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  #look({ metadata: { name }, spec: { nodeName = '' } }: Pod): void {
    if (nodeName === '' || this.#atMs.has(name)) return;
    this.#atMs.set(name, performance.now());
    this.#wake();
  }
}
