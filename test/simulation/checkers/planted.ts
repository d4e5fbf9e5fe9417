import type { AnyObject } from '../../../api/kind-info.ts';
import { keyOf } from '../../../apiserver/storage/keys.ts';
import { versionOf, wholeVersion } from '../../../apiserver/storage/version.ts';
import { History } from '../history.ts';
import type { CheckContext, Checker } from './checker.ts';

/** A world made by hand: what is put into it, checks see as the store's doing. */
export class PlantedWorld implements CheckContext {
  readonly history: History = new History(() => this.atMs);
  readonly found: string[] = [];
  atMs = 0;
  #revision = 1;

  nowMs(): number {
    return this.atMs;
  }

  violate(check: string, message: string): void {
    this.found.push(`${check}: ${message}`);
  }

  use(checker: Checker): void {
    this.history.onChange((change) => checker.observe(change));
  }

  put(resource: string, object: PlantedObject): number {
    this.#revision += 1;
    const version = versionOf(this.#revision, 0);
    const { namespace = '', name } = object.metadata;
    const metadata = {
      ...object.metadata,
      uid: object.metadata.uid ?? name,
      resourceVersion: String(version),
    };
    const json = Buffer.from(JSON.stringify({ ...object, metadata }));
    const event = {
      type: 'put' as const,
      key: keyOf(resource, namespace, name),
      version,
      json,
      created: false,
    };
    this.history.apply({ version: wholeVersion(this.#revision), events: [event] });
    return version;
  }

  delete(resource: string, namespace: string, name: string): void {
    this.#revision += 1;
    const event = {
      type: 'delete' as const,
      key: keyOf(resource, namespace, name),
      version: versionOf(this.#revision, 0),
    };
    this.history.apply({ version: wholeVersion(this.#revision), events: [event] });
  }
}

export type PlantedObject = Omit<AnyObject, 'metadata' | 'kind' | 'apiVersion'> & {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string } & Record<
    string,
    unknown
  >;
};

export const plantedNode = (name: string, spec: object = {}): PlantedObject => ({
  metadata: { name },
  spec,
  status: { allocatable: { cpu: '1', memory: '1Gi', pods: '2' } },
});

export function plantedPod(
  name: string,
  over: {
    node?: string;
    cpu?: string;
    hostPort?: number;
    owner?: string;
    ready?: boolean;
    evicted?: boolean;
  } = {},
): PlantedObject {
  const owner = { uid: over.owner, controller: true };
  const condition = (type: string, is: boolean | undefined): object[] =>
    is === true ? [{ type, status: 'True' }] : [];
  return {
    metadata: {
      ...{ name, namespace: 'default', labels: { app: 'web' } },
      ...(over.owner === undefined ? {} : { ownerReferences: [owner] }),
    },
    spec: {
      ...(over.node === undefined ? {} : { nodeName: over.node }),
      containers: [
        {
          resources: { requests: { cpu: over.cpu ?? '100m' } },
          ports: over.hostPort === undefined ? [] : [{ hostPort: over.hostPort, containerPort: 80 }],
        },
      ],
    },
    status: {
      phase: 'Running',
      conditions: [...condition('Ready', over.ready), ...condition('DisruptionTarget', over.evicted)],
    },
  };
}
