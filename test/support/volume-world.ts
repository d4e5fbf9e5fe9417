import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { bindCompletedAnnotation, toClaimReference } from '../../api/volume-claim.ts';
import {
  claimNamesOf,
  placedVolumeNeedsOf,
  type VolumeLookup,
  volumeNeedsOf,
} from '../../scheduler/volume-state.ts';
import type { VolumeSource, VolumeWriter } from '../../scheduler/volumes/volume-binder.ts';
import { VolumeReservations } from '../../scheduler/volumes/volume-reservations.ts';

interface Write {
  readonly volume: string;
  readonly claim: string;
  readonly done: (error: Error | undefined) => void;
}

/** Volumes on nodes, one claim for each pod that wants one, and writes whose end the test decides. */
export class VolumeWorld implements VolumeSource {
  /** Writes that failed. */
  refusals = 0;
  readonly reservations: VolumeReservations = new VolumeReservations();
  readonly #volumes = new Map<string, PersistentVolume>();
  readonly #claims = new Map<string, PersistentVolumeClaim>();
  readonly #followers = new Set<() => void>();
  readonly #writes: Write[] = [];
  readonly #lookup: VolumeLookup = {
    claim: (_, name) => this.#claims.get(name),
    volume: (name) => this.#volumes.get(name),
    storageClass: (name) => ({
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: metaOf(name) },
      ...{ provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
    }),
    volumes: ({ metadata }) =>
      [...this.#volumes.values()].filter((each) =>
        this.reservations.isFreeFor(each.metadata.name, metadata.uid),
      ),
  };

  readonly client: VolumeWriter = { patch: (_, { name }, { body }) => this.#write(name, body) };

  get writes(): number {
    return this.#writes.length;
  }

  addVolume(name: string, node: string): void {
    const matchExpressions = [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }];
    const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } };
    this.#volumes.set(name, {
      ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: metaOf(name) },
      spec: {
        ...{ capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
        ...{ storageClassName: 'local', nodeAffinity },
      },
      status: { phase: 'Available' },
    });
  }

  addClaim(name: string): void {
    const spec = {
      ...{ accessModes: ['ReadWriteOnce'], storageClassName: 'local' },
      resources: { requests: { storage: '1Gi' } },
    };
    const metadata = { ...metaOf(name), namespace: 'default' };
    this.#claims.set(name, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec });
  }

  /** Its volume is free again. */
  removeClaim(name: string): void {
    this.#claims.delete(name);
    for (const [key, volume] of this.#volumes)
      if (volume.spec?.claimRef?.name === name)
        this.#volumes.set(key, { ...volume, spec: { ...volume.spec, claimRef: undefined } });
    this.#tell();
  }

  /** Ends the oldest write; the volume controller does its part at once. */
  endWrite(isStored: boolean): void {
    const write = this.#writes.shift();
    if (write === undefined) return;
    const [volume, claim] = [this.#volumes.get(write.volume), this.#claims.get(write.claim)];
    if (!isStored || volume === undefined || claim === undefined) {
      this.refusals += 1;
      write.done(new Error('conflict'));
      return;
    }
    this.#volumes.set(write.volume, {
      ...volume,
      spec: { ...volume.spec, claimRef: toClaimReference(claim) },
    });
    this.#claims.set(write.claim, {
      ...claim,
      metadata: { ...claim.metadata, annotations: { [bindCompletedAnnotation]: 'yes' } },
      spec: { ...claim.spec, volumeName: write.volume },
      status: { phase: 'Bound' },
    });
    write.done(undefined);
    this.#tell();
  }

  onChange(changed: () => void): () => void {
    this.#followers.add(changed);
    return () => void this.#followers.delete(changed);
  }

  readonly needsOf: VolumeSource['needsOf'] = (pod: Pod) =>
    pod.spec.nodeName === undefined
      ? volumeNeedsOf(pod, this.#lookup)
      : placedVolumeNeedsOf(pod, this.#lookup);

  claimsOf(pod: Pod): readonly PersistentVolumeClaim[] {
    return claimNamesOf(pod).flatMap((name) => this.#claims.get(name) ?? []);
  }

  claim(_: string | undefined, name: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(name);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.get(name);
  }

  #write(volume: string, body: unknown): Promise<void> {
    const [, claim = ''] = /"claimRef":\{[^}]*"name":"([^"]*)"/.exec(JSON.stringify(body)) ?? [];
    return new Promise((resolve, reject) => {
      const done = (error: Error | undefined): void => (error === undefined ? resolve() : reject(error));
      this.#writes.push({ volume, claim, done });
    });
  }

  #tell(): void {
    for (const changed of [...this.#followers]) changed();
  }
}

const metaOf = (name: string): PersistentVolume['metadata'] => ({
  ...{ name, uid: `${name}-uid`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
});
