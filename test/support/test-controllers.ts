import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import type { ControllerSettings, SigningSettings } from '../../controllers/context.ts';
import { runControllers } from '../../controllers/program.ts';
import { type TestApiServer, testLogger } from './api-server.ts';

/** All controllers, from `start` until `stop`. */
export class TestControllers {
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  private constructor(client: ApiClient, settings: ControllerSettings) {
    const common = { clock: systemClock, random: systemRandom, logger: testLogger };
    this.#running = runControllers({ ...common, client, settings }, this.#stopping.signal);
  }

  static start(client: ApiClient, more: Partial<ControllerSettings> = {}): TestControllers {
    const settings = { clusterCidr: '10.244.0.0/16', nodeCidrMaskSize: 24, rootCa: undefined };
    return new TestControllers(client, { ...settings, ...more });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }
}

/** What lets controllers sign certificates as the authority of the server's clients. */
export async function signingOf({ directory }: TestApiServer): Promise<SigningSettings> {
  const pem = (name: string): Promise<string> => readFile(join(directory, 'pki', name), 'utf8');
  return { certPem: await pem('ca.crt'), keyPem: await pem('ca.key'), durationSeconds: 86_400 };
}
