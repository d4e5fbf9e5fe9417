import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Deployment } from '../api/generated/apps-v1.ts';
import type { Service } from '../api/generated/core-v1.ts';
import { deployments, services } from '../api/generated/resources.ts';
import type { ApiObject, NewObject, ResourceType } from '../api/kind-info.ts';
import { isAlreadyExists } from '../api/status-error.ts';
import type { ApiClient } from '../client/client.ts';
import { hollowLabel } from '../node-agent/hollow/node-shape.ts';
import type { Layout } from './layout.ts';

export const exampleFile = (layout: Layout): string => join(layout.root, 'deploy/examples/nginx.yaml');

type Example = Deployment | Service;

/** Creates what the file declares; what exists is left as the user has it. Hollow nodes answer nothing: it stays off them. */
export async function applyExample(layout: Layout, client: ApiClient, hasHollow: boolean): Promise<void> {
  for (const document of parseAllDocuments(readFileSync(exampleFile(layout), 'utf8'))) {
    const object = document.toJS() as NewObject<Example>;
    if (object.kind === 'Deployment') {
      const deployment = object as NewObject<Deployment>;
      await createOnce(client, deployments, hasHollow ? withoutHollow(deployment) : deployment);
    } else await createOnce(client, services, object as NewObject<Service>);
  }
}

function withoutHollow(deployment: NewObject<Deployment>): NewObject<Deployment> {
  const changed = structuredClone(deployment);
  const pod = changed.spec.template.spec;
  const matchExpressions = [{ key: hollowLabel, operator: 'DoesNotExist' }];
  if (pod !== undefined)
    pod.affinity = {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
      },
    };
  return changed;
}

async function createOnce<T extends ApiObject>(
  client: ApiClient,
  type: ResourceType<T>,
  object: NewObject<T>,
): Promise<void> {
  const namespace = object.metadata.namespace ?? 'default';
  try {
    await client.create(type, { ...object, metadata: { ...object.metadata, namespace } });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}

const answerTimeoutMs = 1_000;

/** The pod that answers on `address`, port 80, as the page's header names it. @throws when none does. */
export function podAnswering(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: address, port: 80, path: '/', timeout: answerTimeoutMs, agent: false },
      (response) => {
        response.resume();
        const pod = response.headers['x-pod'];
        if (response.statusCode === 200) resolve(typeof pod === 'string' ? pod : '');
        else reject(new Error(`http://${address}/ answers ${response.statusCode}`));
      },
    );
    call.once('timeout', () =>
      call.destroy(new Error(`http://${address}/ does not answer within ${answerTimeoutMs} ms`)),
    );
    call.once('error', reject);
    call.end();
  });
}
