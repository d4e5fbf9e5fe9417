import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import {
  configmaps,
  deployments,
  ingressclasses,
  ingresses,
  limitranges,
  namespaces,
  persistentvolumeclaims,
  pods,
  priorityclasses,
  secrets,
  serviceaccounts,
  storageclasses,
} from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import type { ApiClient } from '../../client/client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ensureServiceAccount } from '../support/service-account.ts';

let server: TestApiServer;
let admin: ApiClient;

beforeAll(async () => {
  server = await startApiServer(['host-1']);
  admin = await server.clientAs('admin');
});
afterAll(() => server.stop());

async function aNamespace(name: string, labels: Record<string, string> = {}): Promise<string> {
  await admin.create(namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
    spec: {},
    status: {},
  });
  await ensureServiceAccount(admin, name);
  return name;
}

const aPod = (namespace: string, name: string, spec: Partial<Pod['spec']> = {}): NewObject<Pod> => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

/** What a write warns of. */
async function warningsOf(method: 'POST' | 'PATCH', path: string, body: object): Promise<string[]> {
  const contentType = method === 'POST' ? 'application/json' : 'application/merge-patch+json';
  const response = await admin.request({
    ...{ method, path, body: JSON.stringify(body), headers: { 'content-type': contentType } },
  });
  expect(response.status, response.body.toString()).toBeLessThan(300);
  const header = response.headers['warning'];
  const list = typeof header === 'string' ? [header] : (header ?? []);
  return list.flatMap((text) =>
    [...text.matchAll(/299 - "((?:\\.|[^"\\])*)"/g)].map((match) => JSON.parse(`"${match[1]}"`)),
  );
}

describe('the levels of pod security', () => {
  it('are told for pods that are there when a namespace becomes stricter, alike ones together', async () => {
    const namespace = await aNamespace('stricter');
    for (const name of ['b', 'a', 'c'])
      await admin.create(pods, aPod(namespace, name, { hostNetwork: name === 'c' }));
    const labels = { 'pod-security.kubernetes.io/enforce': 'baseline' };
    const path = `/api/v1/namespaces/${namespace}`;
    expect(await warningsOf('PATCH', path, { metadata: { labels } })).toEqual([
      'existing pods in namespace "stricter" violate the new PodSecurity enforce level "baseline:latest"',
      'c: host namespaces',
    ]);
    const stricter = { 'pod-security.kubernetes.io/enforce': 'restricted' };
    expect(await warningsOf('PATCH', path, { metadata: { labels: stricter } })).toEqual([
      'existing pods in namespace "stricter" violate the new PodSecurity enforce level "restricted:latest"',
      'a (and 1 other pod): allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
      'c: host namespaces, allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile',
    ]);
    expect(await warningsOf('PATCH', path, { metadata: { labels } })).toEqual([]);
  });

  it('hold for containers that are added to a running pod, and not for its status', async () => {
    const namespace = await aNamespace('debugged', { 'pod-security.kubernetes.io/enforce': 'baseline' });
    const pod = await admin.create(pods, aPod(namespace, 'p'));
    const ephemeralContainers = [{ name: 'd', image: 'i', securityContext: { privileged: true } }];
    const next = { ...pod, spec: { ...pod.spec, ephemeralContainers } };
    await expect(admin.update(pods, next, { subresource: 'ephemeralcontainers' })).rejects.toThrow(
      'pods "p" is forbidden: violates PodSecurity "baseline:latest": privileged (container "d" must not set securityContext.privileged=true)',
    );
    await admin.update(pods, { ...pod, status: { phase: 'Running' } }, { subresource: 'status' });
  });

  it('speak of a template without refusing it', async () => {
    const namespace = await aNamespace('templates', { 'pod-security.kubernetes.io/enforce': 'baseline' });
    await admin.create(deployments, {
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace } },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: {
          metadata: { labels: { a: 'b' } },
          spec: { containers: [{ name: 'c', image: 'i' }], hostPID: true },
        },
      },
    });
  });
});

describe('classes', () => {
  it('of storage and ingress: the newest default', async () => {
    const namespace = await aNamespace('classes');
    const metadata = (name: string, kind: string) => ({
      name,
      annotations: { [`${kind}.kubernetes.io/is-default-class`]: 'true' },
    });
    for (const name of ['one', 'two']) {
      await admin.create(storageclasses, {
        ...{
          apiVersion: 'storage.k8s.io/v1',
          kind: 'StorageClass',
          metadata: metadata(name, 'storageclass'),
        },
        provisioner: 'example.com/x',
      });
      await admin.create(ingressclasses, {
        ...{
          apiVersion: 'networking.k8s.io/v1',
          kind: 'IngressClass',
          metadata: metadata(name, 'ingressclass'),
        },
        spec: { controller: 'example.com/x' },
      });
    }
    const claim = await admin.create(persistentvolumeclaims, {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace } },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    expect(['one', 'two']).toContain(claim.spec.storageClassName);
    expect(claim.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection']);
    const ingress = await admin.create(ingresses, {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'i', namespace } },
      spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } },
    });
    expect(['one', 'two']).toContain(ingress.spec?.ingressClassName);
    const larger = { ...claim, spec: { ...claim.spec, resources: { requests: { storage: '2Gi' } } } };
    await expect(admin.update(persistentvolumeclaims, larger)).rejects.toThrow(
      'PersistentVolumeClaim "c" is invalid: spec: Forbidden: spec is immutable after creation',
    );
  });

  it('of priority: only one default', async () => {
    const aClass = (name: string) => ({
      ...{ apiVersion: 'scheduling.k8s.io/v1' as const, kind: 'PriorityClass' as const, metadata: { name } },
      ...{ value: 5, globalDefault: true },
    });
    await admin.create(priorityclasses, aClass('first'));
    await expect(admin.create(priorityclasses, aClass('second'))).rejects.toThrow(
      'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass first is already marked as default. Only one default can exist',
    );
    const namespace = await aNamespace('priorities');
    expect((await admin.create(pods, aPod(namespace, 'p'))).spec).toMatchObject({
      priority: 5,
      priorityClassName: 'first',
    });
    await admin.delete(priorityclasses, { name: 'first' });
  });
});

describe('limits', () => {
  it('hold for init containers and claims, several ranges together', async () => {
    const namespace = await aNamespace('limits');
    const aRange = (name: string, limits: object[]) =>
      admin.create(limitranges, {
        ...{ apiVersion: 'v1', kind: 'LimitRange', metadata: { name, namespace } },
        spec: { limits: limits as { type: string }[] },
      });
    await aRange('a', [{ type: 'Container', max: { cpu: '1' }, maxLimitRequestRatio: { cpu: '2' } }]);
    await aRange('b', [{ type: 'PersistentVolumeClaim', min: { storage: '1Gi' } }]);
    const { spec, metadata } = await admin.create(
      pods,
      aPod(namespace, 'p', { initContainers: [{ name: 'i', image: 'i' }] }),
    );
    expect(spec.initContainers?.[0]?.resources).toEqual({ limits: { cpu: '1' }, requests: { cpu: '1' } });
    expect(metadata.annotations?.['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu request for container c; cpu limit for container c; cpu request for init container i; cpu limit for init container i',
    );
    const resources = { limits: { cpu: '4' }, requests: { cpu: '1' } };
    const containers = [{ name: 'c', image: 'i', resources }];
    await expect(admin.create(pods, aPod(namespace, 'q', { containers }))).rejects.toThrow(
      'pods "q" is forbidden: [maximum cpu usage per Container is 1, but limit is 4, cpu max limit to request ratio per Container is 2, but provided ratio is 4.000000]',
    );
    await expect(
      admin.create(persistentvolumeclaims, {
        ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'c', namespace } },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
      }),
    ).rejects.toThrow(
      'persistentvolumeclaims "c" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi',
    );
  });
});

describe('a service account', () => {
  it('may restrict its pods to the secrets that it lists', async () => {
    const namespace = await aNamespace('mountable');
    await admin.create(serviceaccounts, {
      ...{ apiVersion: 'v1', kind: 'ServiceAccount' },
      metadata: {
        name: 'strict',
        namespace,
        annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' },
      },
      secrets: [{ name: 'mine' }],
    });
    await admin.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'other', namespace } });
    const strict = { serviceAccountName: 'strict' };
    const volumes = (secretName: string) => [{ name: 's', secret: { secretName } }];
    await admin.create(pods, aPod(namespace, 'good', { ...strict, volumes: volumes('mine') }));
    await expect(
      admin.create(pods, aPod(namespace, 'bad', { ...strict, volumes: volumes('other') })),
    ).rejects.toThrow(
      'pods "bad" is forbidden: volume with secret.secretName="other" is not allowed because service account strict does not reference that secret',
    );
    const envFrom = [{ secretRef: { name: 'other' } }];
    await expect(
      admin.create(
        pods,
        aPod(namespace, 'env', { ...strict, containers: [{ name: 'c', image: 'i', envFrom }] }),
      ),
    ).rejects.toThrow(
      'container c with envFrom referencing secret.secretName="other" is not allowed because service account strict does not reference that secret',
    );
    await expect(
      admin.create(pods, aPod(namespace, 'pull', { ...strict, imagePullSecrets: [{ name: 'reg' }] })),
    ).rejects.toThrow(
      'imagePullSecrets[0].name="reg" is not allowed because service account strict does not reference that imagePullSecret',
    );
  });
});

it('a name that is yet to be made is told by its prefix', async () => {
  const namespace = await aNamespace('prefix', { 'pod-security.kubernetes.io/enforce': 'baseline' });
  const metadata = { generateName: 'gen-', namespace };
  await expect(
    admin.create(pods, {
      ...aPod(namespace, ''),
      metadata,
      spec: { ...aPod('', '').spec, serviceAccountName: 'none' },
    }),
  ).rejects.toThrow(
    'pods "gen-" is forbidden: error looking up service account prefix/none: serviceaccount "none" not found',
  );
});

it('an owner reference is set by those who may', async () => {
  const namespace = await aNamespace('owners');
  const owner = await admin.create(configmaps, {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'o', namespace },
  });
  const ownerReferences = [
    { apiVersion: 'v1', kind: 'Nothing', name: 'o', uid: owner.metadata.uid, blockOwnerDeletion: true },
  ];
  await expect(
    admin.create(configmaps, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'd', namespace, ownerReferences },
    }),
  ).rejects.toThrow(
    'configmaps "d" is forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion v1 Kind Nothing: no matches for kind "Nothing" in version "v1"',
  );
});
