import { expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { VolumeWorld } from '../../test/support/volume-world.ts';
import { VolumeBinder } from './volume-binder.ts';

const pod: Pod = aPod({
  namespace: 'default',
  spec: { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] },
});

class Bench {
  readonly volumes: VolumeWorld = new VolumeWorld();
  readonly clock: ManualClock = new ManualClock();
  /** What is asked of others, in order. */
  readonly told: string[] = [];
  readonly stop: AbortController = new AbortController();

  constructor() {
    this.volumes.addVolume('disk', 'n1');
    this.volumes.addClaim('data');
    const { volumes, clock, told } = this;
    const nothing = async (): Promise<void> => undefined;
    const binder = new VolumeBinder({
      ...{ volumes, clock, client: volumes.client, onReserved: () => undefined },
      node: (name) => ({ name, labels: { 'kubernetes.io/hostname': name } }),
      nominate: async (_, nodeName) => void told.push(`nominated ${nodeName}`),
      next: {
        ...{ hasRoom: true, whenRoom: nothing, drain: nothing, startTogether: () => undefined },
        start: (_, nodeName) => void told.push(`bound ${nodeName}`),
      },
    });
    binder.start(pod, 'n1', this.stop.signal, ({ outcome }) => void told.push(outcome));
  }

  /** @param isStored whether the volume becomes the claim's */
  async end(isStored: boolean): Promise<readonly string[]> {
    await this.clock.advance(0);
    this.volumes.endWrite(isStored);
    await this.clock.advance(0);
    return this.told;
  }
}

it('nominates a pod for its node while its claims are bound, which binding takes back', async () => {
  expect(await new Bench().end(true)).toEqual(['nominated n1', 'bound n1']);
});

it('takes the nomination back when a claim cannot be bound', async () => {
  expect(await new Bench().end(false)).toEqual(['nominated n1', 'nominated ', 'refused']);
});

it('leaves it for whoever leads next when it stops', async () => {
  const bench = new Bench();
  await bench.clock.advance(0);
  bench.stop.abort();
  expect(await bench.end(false)).toEqual(['nominated n1', 'refused']);
});
