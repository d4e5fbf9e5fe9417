import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { signingRequest } from '../support/signing-request.ts';

/**
 * Somebody has the certificate of host-1 and tries everything that would lead further. Beside it stands what the same certificate must go on
 * doing, so that the refusals are not those of a node that may do nothing.
 */
let server: TestApiServer;
let admin: ClosableApiClient;
let node: ClosableApiClient;
const uids = new Map<string, string>();

interface Attempt {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

interface Answered {
  readonly status: number;
  readonly body: { readonly message?: string; readonly metadata?: { readonly uid?: string } };
}

interface Named {
  readonly metadata: { readonly name: string };
  readonly [field: string]: unknown;
}

const ns = '/api/v1/namespaces/default';
const merge = 'application/merge-patch+json';

async function send(client: ClosableApiClient, { method, path, body }: Attempt): Promise<Answered> {
  const type = method === 'PATCH' ? merge : 'application/json';
  const answer = await client.request({
    ...{ method, path },
    ...(body === undefined ? {} : { headers: { 'content-type': type }, body: JSON.stringify(body) }),
  });
  const text = answer.body.toString();
  return { status: answer.status, body: text.startsWith('{') ? JSON.parse(text) : { message: text } };
}

async function make(path: string, object: Named): Promise<void> {
  const { status, body } = await send(admin, { method: 'POST', path, body: object });
  expect(status, `${path} ${object.metadata.name}: ${body.message}`).toBe(201);
  uids.set(`${path} ${object.metadata.name}`, body.metadata?.uid ?? '');
}

const container = { name: 'c', image: 'nginx' };

function podOn(name: string, nodeName: string | undefined, serviceAccountName: string): Named {
  const volumes = [
    { name: 's', secret: { secretName: `secret-of-${name}` } },
    { name: 'm', configMap: { name: `config-of-${name}` } },
    { name: 'v', persistentVolumeClaim: { claimName: `claim-of-${name}` } },
    { name: 't', projected: { sources: [{ serviceAccountToken: { audience: 'bank', path: 'token' } }] } },
  ];
  const spec = { ...(nodeName === undefined ? {} : { nodeName }), serviceAccountName };
  return { metadata: { name }, spec: { ...spec, containers: [container], volumes } };
}

async function makePod(name: string, nodeName: string | undefined): Promise<void> {
  const account = `account-of-${name}`;
  await make(`${ns}/serviceaccounts`, { metadata: { name: account } });
  await make(`${ns}/secrets`, { metadata: { name: `secret-of-${name}` } });
  await make(`${ns}/configmaps`, { metadata: { name: `config-of-${name}` } });
  const volumeName = `volume-of-${name}`;
  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, volumeName };
  await make(`${ns}/persistentvolumeclaims`, {
    ...{ metadata: { name: `claim-of-${name}` }, spec: { ...claim, storageClassName: '' } },
  });
  const csi = { driver: 'd', volumeHandle: name, nodePublishSecretRef: { namespace: 'kube-system', name } };
  const volume = { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, csi };
  await make('/api/v1/persistentvolumes', {
    ...{ metadata: { name: volumeName } },
    spec: { ...volume, claimRef: { namespace: 'default', name: `claim-of-${name}` } },
  });
  await make('/api/v1/namespaces/kube-system/secrets', { metadata: { name } });
  await make(`${ns}/pods`, podOn(name, nodeName, account));
}

const volumes = '/api/v1/persistentvolumes';
/** What else holds it stays. */
const letGo = { metadata: { finalizers: ['kubernetes.io/pv-protection'] } };
const takenOver = { metadata: { labels: { 'coracle.dev/node': 'host-9' } } };

/** A directory on a node, as a volume; one that is `ending` is being deleted and waits for its node. */
async function makeLocal(name: string, nodeName: string, isEnding: boolean): Promise<void> {
  const metadata = {
    name,
    labels: { 'coracle.dev/node': nodeName },
    finalizers: ['coracle.dev/local-volume'],
  };
  const spec = { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, local: { path: '/x' } };
  const affinity = {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }] },
  };
  await make(volumes, { metadata, spec: { ...spec, nodeAffinity: affinity } });
  if (isEnding) await send(admin, { method: 'DELETE', path: `${volumes}/${name}` });
}

beforeAll(async () => {
  server = await startApiServer(['host-1', 'host-2']);
  admin = await server.clientAs('admin');
  node = await server.clientAs('host-1');
  await makePod('mine', 'host-1');
  await makePod('theirs', 'host-2');
  await makePod('waiting', undefined);
  const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  for (const name of ['host-1', 'host-2']) {
    await make('/api/v1/nodes', { metadata: { name } });
    await make(leases, { metadata: { name } });
    await make('/apis/storage.k8s.io/v1/csinodes', {
      ...{ metadata: { name } },
      spec: { drivers: [] },
    });
    const spec = { attacher: 'd', nodeName: name, source: { persistentVolumeName: `volume-of-${name}` } };
    await make('/apis/storage.k8s.io/v1/volumeattachments', { ...{ metadata: { name } }, spec });
  }
  await make('/api/v1/namespaces', { metadata: { name: 'empty' } });
  await make('/apis/storage.k8s.io/v1/csidrivers', {
    ...{ metadata: { name: 'd' }, spec: { tokenRequests: [{ audience: 'driver' }] } },
  });
  const asks = {
    verbs: ['request-serviceaccounts-token-audience'],
    apiGroups: [''],
    resources: ['registry'],
  };
  await make(`${rbac}/clusterroles`, { metadata: { name: 'asks' }, rules: [asks] });
  const group = { apiGroup: 'rbac.authorization.k8s.io' };
  await make(`${rbac}/clusterrolebindings`, {
    ...{ metadata: { name: 'asks' }, roleRef: { ...group, kind: 'ClusterRole', name: 'asks' } },
    subjects: [{ ...group, kind: 'Group', name: 'system:nodes' }],
  });
  await makeLocal('local', 'host-1', false);
  await makeLocal('local-ending', 'host-1', true);
  await makeLocal('local-of-others', 'host-2', true);
});
afterAll(() => server.stop());

const get = (path: string): Attempt => ({ method: 'GET', path });
const remove = (path: string): Attempt => ({ method: 'DELETE', path });
const post = (path: string, body: unknown = {}): Attempt => ({ method: 'POST', path, body });
const put = (path: string, body: unknown = {}): Attempt => ({ method: 'PUT', path, body });
const patch = (path: string, body: unknown = {}): Attempt => ({ method: 'PATCH', path, body });
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const rbac = '/apis/rbac.authorization.k8s.io/v1';
const nodeSecrets = '/api/v1/namespaces/kube-node-lease/secrets';
const clusterInfo = '/api/v1/namespaces/kube-public/configmaps/cluster-info';
const requests = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

const gone = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'u' };

const token = (pod: string | undefined, uid?: string, ...audiences: readonly string[]): object => ({
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenRequest',
  spec:
    pod === undefined ? {} : { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: pod, uid } },
});
const uidOf = (pod: string): string => uids.get(`${ns}/pods ${pod}`) ?? '';

const tokenOfMine = (...audiences: readonly string[]): Attempt =>
  post(`${ns}/serviceaccounts/account-of-mine/token`, token('mine', uidOf('mine'), ...audiences));

const mirror = (change: { readonly metadata?: object; readonly spec?: object }): object => {
  const uid = uids.get('/api/v1/nodes host-1');
  const owner = { apiVersion: 'v1', kind: 'Node', name: 'host-1', uid, controller: true };
  const annotations = { 'kubernetes.io/config.mirror': 'x' };
  const metadata = { name: 'static', annotations, ownerReferences: [owner], ...change.metadata };
  return { metadata, spec: { nodeName: 'host-1', containers: [container], ...change.spec } };
};
const withVolume = (volume: object): object => mirror({ spec: { volumes: [{ name: 'v', ...volume }] } });

const asked = new Map<string, string>();
for (const name of ['system:node:host-1', 'system:node:host-2', 'kubernetes-admin'])
  asked.set(name, await signingRequest(name));

function request(commonName: string, signerName: string): object {
  const usages = ['digital signature', signerName.endsWith('serving') ? 'server auth' : 'client auth'];
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'csr-' },
    spec: { request: asked.get(commonName), signerName, usages },
  };
}
const clientSigner = 'kubernetes.io/kube-apiserver-client-kubelet';
const servingSigner = 'kubernetes.io/kubelet-serving';

/** All that must be refused; functions, because some need uids of what is made first. */
const refused: readonly (readonly [string, () => Attempt])[] = [
  // Other pods.
  ['read a pod of another node', () => get(`${ns}/pods/theirs`)],
  ['read a pod that waits for a node', () => get(`${ns}/pods/waiting`)],
  ['list all pods', () => get('/api/v1/pods')],
  ['list the pods of a namespace', () => get(`${ns}/pods`)],
  ['list pods of another node', () => get('/api/v1/pods?fieldSelector=spec.nodeName%3Dhost-2')],
  ['list pods of all other nodes', () => get('/api/v1/pods?fieldSelector=spec.nodeName!%3Dhost-1')],
  ['watch all pods', () => get('/api/v1/pods?watch=1')],
  ['read the log of its pod past the agent', () => get(`${ns}/pods/mine/log`)],
  ['run a command in a pod', () => post(`${ns}/pods/theirs/exec?command=id`)],
  ['attach to a pod', () => post(`${ns}/pods/theirs/attach`)],
  ['forward a port of a pod', () => post(`${ns}/pods/theirs/portforward`)],
  ['write the status of a pod of another node', () => patch(`${ns}/pods/theirs/status`, { status: {} })],
  ['write the status of a waiting pod', () => patch(`${ns}/pods/waiting/status`, { status: {} })],
  [
    'relabel its pod through the status',
    () => patch(`${ns}/pods/mine/status`, { metadata: { labels: { app: 'bank' } } }),
  ],
  ['change the image of its pod', () => patch(`${ns}/pods/mine`, { metadata: { labels: { a: 'b' } } })],
  ['resize its pod', () => patch(`${ns}/pods/mine/resize`, {})],
  ['add a container to its pod', () => patch(`${ns}/pods/mine/ephemeralcontainers`, {})],
  ['delete a pod of another node', () => remove(`${ns}/pods/theirs`)],
  ['delete a waiting pod', () => remove(`${ns}/pods/waiting`)],
  ['delete all pods', () => remove(`${ns}/pods`)],
  ['evict a pod of another node', () => post(`${ns}/pods/theirs/eviction`, { metadata: { name: 'theirs' } })],
  ['bind a waiting pod to itself', () => post(`${ns}/pods/waiting/binding`, { target: { name: 'host-1' } })],
  ['bind by the collection', () => post(`${ns}/bindings`, { target: { name: 'host-1' } })],
  [
    'bind in bulk',
    () => post('/apis/coracle.dev/v1/bulkbindings', { items: [{ namespace: 'default', name: 'waiting' }] }),
  ],
  [
    'renew in bulk',
    () => {
      const item = { name: 'host-2', holderIdentity: 'host-2', renewTime: '2030-01-01T00:00:00.000000Z' };
      return post('/apis/coracle.dev/v1/bulkrenewals', { items: [item] });
    },
  ],
  ['create a pod', () => post(`${ns}/pods`, { metadata: { name: 'x' }, spec: { containers: [container] } })],
  ['create a pod on another node', () => post(`${ns}/pods`, mirror({ spec: { nodeName: 'host-2' } }))],
  ['create a mirror pod of nobody', () => post(`${ns}/pods`, mirror({ metadata: { ownerReferences: [] } }))],
  [
    'create a mirror pod with an account',
    () => post(`${ns}/pods`, mirror({ spec: { serviceAccountName: 'account-of-theirs' } })),
  ],
  [
    'create a mirror pod with a secret',
    () => post(`${ns}/pods`, withVolume({ secret: { secretName: 'secret-of-theirs' } })),
  ],
  [
    'create a mirror pod with a pull secret',
    () => post(`${ns}/pods`, mirror({ spec: { imagePullSecrets: [{ name: 'secret-of-theirs' }] } })),
  ],
  [
    'create a mirror pod with a config map',
    () => post(`${ns}/pods`, withVolume({ configMap: { name: 'config-of-theirs' } })),
  ],
  [
    'create a mirror pod with a claim',
    () => post(`${ns}/pods`, withVolume({ persistentVolumeClaim: { claimName: 'claim-of-theirs' } })),
  ],
  // What other pods name.
  ['read a secret of another node', () => get(`${ns}/secrets/secret-of-theirs`)],
  ['read a secret of a waiting pod', () => get(`${ns}/secrets/secret-of-waiting`)],
  ["read a secret of another node's volume", () => get('/api/v1/namespaces/kube-system/secrets/theirs')],
  ['list secrets', () => get(`${ns}/secrets`)],
  ['list all secrets', () => get('/api/v1/secrets')],
  ['watch secrets', () => get(`${ns}/secrets?watch=1`)],
  [
    'watch a secret of another node',
    () => get(`${ns}/secrets?watch=1&fieldSelector=metadata.name%3Dsecret-of-theirs`),
  ],
  ['write its secret', () => patch(`${ns}/secrets/secret-of-mine`, { data: {} })],
  ['create a secret', () => post(`${ns}/secrets`, { metadata: { name: 'x' } })],
  ['read a config map of another node', () => get(`${ns}/configmaps/config-of-theirs`)],
  ['list config maps', () => get('/api/v1/configmaps')],
  ['write its config map', () => put(`${ns}/configmaps/config-of-mine`, {})],
  ['read a claim of another node', () => get(`${ns}/persistentvolumeclaims/claim-of-theirs`)],
  ['list claims', () => get(`${ns}/persistentvolumeclaims`)],
  [
    'relabel its claim through the status',
    () => patch(`${ns}/persistentvolumeclaims/claim-of-mine/status`, { metadata: { labels: { a: 'b' } } }),
  ],
  [
    'write the status of a claim of another node',
    () => patch(`${ns}/persistentvolumeclaims/claim-of-theirs/status`, { status: {} }),
  ],
  ['read a volume of another node', () => get('/api/v1/persistentvolumes/volume-of-theirs')],
  ['list volumes', () => get('/api/v1/persistentvolumes')],
  ['read a local volume of another node', () => get(`${volumes}/local-of-others`)],
  ['let go a local volume of another node', () => patch(`${volumes}/local-of-others`, letGo)],
  ['let go a local volume that nobody deletes', () => patch(`${volumes}/local`, letGo)],
  ['take a volume for itself', () => patch(`${volumes}/local-of-others`, takenOver)],
  [
    'change a local volume',
    () => patch(`${volumes}/local-ending`, { spec: { capacity: { storage: '9Gi' } } }),
  ],
  ['give a local volume away', () => patch(`${volumes}/local-ending`, takenOver)],
  ['delete a local volume', () => remove(`${volumes}/local`)],
  ['read an attachment of another node', () => get('/apis/storage.k8s.io/v1/volumeattachments/host-2')],
  ['list attachments', () => get('/apis/storage.k8s.io/v1/volumeattachments')],
  // Tokens.
  [
    'get a token of an account of another node',
    () => post(`${ns}/serviceaccounts/account-of-theirs/token`, token('theirs', uidOf('theirs'))),
  ],
  [
    'get a token bound to nothing',
    () => post(`${ns}/serviceaccounts/account-of-mine/token`, token(undefined)),
  ],
  ['get a token without a uid', () => post(`${ns}/serviceaccounts/account-of-mine/token`, token('mine'))],
  [
    'get a token with a wrong uid',
    () => post(`${ns}/serviceaccounts/account-of-mine/token`, token('mine', uidOf('theirs'))),
  ],
  [
    'get a token bound to a pod of another node',
    () => post(`${ns}/serviceaccounts/account-of-mine/token`, token('theirs', uidOf('theirs'))),
  ],
  ['get a token for whom its pod has no use', () => tokenOfMine('vault')],
  ['get a token for several', () => tokenOfMine('bank', 'aud')],
  ['give itself an owner', () => patch('/api/v1/nodes/host-1', { metadata: { ownerReferences: [gone] } })],
  ['read an account of another node', () => get(`${ns}/serviceaccounts/account-of-theirs`)],
  ['list accounts', () => get(`${ns}/serviceaccounts`)],
  ['create an account', () => post(`${ns}/serviceaccounts`, { metadata: { name: 'x' } })],
  // Nodes and leases.
  ['label another node', () => patch('/api/v1/nodes/host-2', { metadata: { labels: { a: 'b' } } })],
  ['write the status of another node', () => patch('/api/v1/nodes/host-2/status', { status: {} })],
  ['register another node', () => post('/api/v1/nodes', { metadata: { name: 'host-3' } })],
  ['delete another node', () => remove('/api/v1/nodes/host-2')],
  ['delete itself', () => remove('/api/v1/nodes/host-1')],
  [
    'give itself a label that attracts pods',
    () =>
      patch('/api/v1/nodes/host-1', { metadata: { labels: { 'node-restriction.kubernetes.io/vault': '' } } }),
  ],
  [
    'become a control plane',
    () =>
      patch('/api/v1/nodes/host-1', {
        metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } },
      }),
  ],
  [
    'give itself a label through the status',
    () => patch('/api/v1/nodes/host-1/status', { metadata: { labels: { 'x.k8s.io/y': '' } } }),
  ],
  [
    'taint itself',
    () => patch('/api/v1/nodes/host-1', { spec: { taints: [{ key: 'a', effect: 'NoSchedule' }] } }),
  ],
  ['renew the lease of another node', () => patch(`${leases}/host-2`, {})],
  ['read the lease of another node', () => get(`${leases}/host-2`)],
  ['make a lease for another node', () => post(leases, { metadata: { name: 'host-3' } })],
  ['delete the lease of another node', () => remove(`${leases}/host-2`)],
  ['list leases', () => get(leases)],
  [
    'take the lead of the controllers',
    () => patch('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager', {}),
  ],
  [
    'take the lead of the scheduler',
    () => post('/apis/coordination.k8s.io/v1/namespaces/kube-system/leases', { metadata: { name: 'x' } }),
  ],
  ['write the CSINode of another node', () => patch('/apis/storage.k8s.io/v1/csinodes/host-2', {})],
  // Becoming somebody else.
  ['ask to be another node', () => post(requests, request('system:node:host-2', clientSigner))],
  ['ask to serve as another node', () => post(requests, request('system:node:host-2', servingSigner))],
  ['ask to be an administrator', () => post(requests, request('kubernetes-admin', clientSigner))],
  ['read the heartbeat key of another node', () => get(`${nodeSecrets}/beat-key-host-2`)],
  ['list heartbeat keys', () => get(nodeSecrets)],
  [
    'lay a heartbeat key for another node',
    () => post(nodeSecrets, { metadata: { name: 'beat-key-host-2' } }),
  ],
  ['name another authority to those who join', () => patch(clusterInfo, { data: { kubeconfig: '' } })],
  [
    'make a token for others',
    () => post('/api/v1/namespaces/kube-system/secrets', { metadata: { name: 'x' } }),
  ],
  ['approve a request', () => put(`${requests}/x/approval`)],
  ['sign a request', () => put(`${requests}/x/status`)],
  ['delete a request', () => remove(`${requests}/x`)],
  ['read roles', () => get(`${rbac}/clusterroles`)],
  ['bind a role', () => post(`${rbac}/clusterrolebindings`, { metadata: { name: 'x' } })],
  ['bind a role in a namespace', () => post(`${rbac}/namespaces/default/rolebindings`, {})],
  ['write a role', () => post(`${rbac}/clusterroles`, { metadata: { name: 'x' }, rules: [] })],
  // The rest of the cluster.
  ['read a namespace', () => get('/api/v1/namespaces/kube-system')],
  ['delete a namespace', () => remove('/api/v1/namespaces/empty')],
  ['write a service', () => post(`${ns}/services`, { metadata: { name: 'x' } })],
  ['write endpoints', () => post('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {})],
  ['write a deployment', () => post('/apis/apps/v1/namespaces/default/deployments', {})],
  ['read deployments', () => get('/apis/apps/v1/deployments')],
  ['write a webhook', () => post('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {})],
  ['read the metrics of the server', () => get('/metrics')],
];

test.each(refused)('a captured node cannot %s', async (_what, attempt) => {
  const { status, body } = await send(node, attempt());
  expect(status, body.message).toBe(403);
});

test('a captured node cannot act as anybody else', async () => {
  for (const [header, value] of [
    ['impersonate-user', 'kubernetes-admin'],
    ['impersonate-user', 'system:node:host-2'],
    ['impersonate-user', 'system:serviceaccount:default:account-of-theirs'],
  ] as const) {
    const { status } = await node.request({ method: 'GET', path: '/api', headers: { [header]: value } });
    expect(status, value).toBe(403);
  }
});

const allowed: readonly (readonly [string, () => Attempt])[] = [
  ['read itself', () => get('/api/v1/nodes/host-1')],
  ['label itself', () => patch('/api/v1/nodes/host-1', { metadata: { labels: { rack: '7' } } })],
  ['report its status', () => patch('/api/v1/nodes/host-1/status', { status: { capacity: { cpu: '4' } } })],
  ['renew its lease', () => patch(`${leases}/host-1`, { spec: { holderIdentity: 'host-1' } })],
  ['list its pods', () => get('/api/v1/pods?fieldSelector=spec.nodeName%3Dhost-1')],
  ['read its pod', () => get(`${ns}/pods/mine`)],
  ['report the status of its pod', () => patch(`${ns}/pods/mine/status`, { status: { phase: 'Running' } })],
  ['read the secret of its pod', () => get(`${ns}/secrets/secret-of-mine`)],
  ["read the secret of its pod's volume", () => get('/api/v1/namespaces/kube-system/secrets/mine')],
  ['read the config map of its pod', () => get(`${ns}/configmaps/config-of-mine`)],
  ['read the claim of its pod', () => get(`${ns}/persistentvolumeclaims/claim-of-mine`)],
  ['read the volume of its pod', () => get('/api/v1/persistentvolumes/volume-of-mine')],
  ['read a local volume of its own', () => get(`${volumes}/local`)],
  ['follow a local volume of its own', () => get(`${volumes}?fieldSelector=metadata.name%3Dlocal`)],
  ['let go a local volume of its own that is being deleted', () => patch(`${volumes}/local-ending`, letGo)],
  ['read its attachment', () => get('/apis/storage.k8s.io/v1/volumeattachments/host-1')],
  ['get a token for its pod', () => tokenOfMine()],
  ['get a token for whom a volume of its pod is for', () => tokenOfMine('bank')],
  ['get a token for whom the driver of a volume wants one', () => tokenOfMine('driver')],
  ['get a token for whom it is allowed to ask', () => tokenOfMine('registry')],
  ['ask for a new certificate', () => post(requests, request('system:node:host-1', clientSigner))],
  ['create a mirror pod', () => post(`${ns}/pods`, mirror({}))],
  ['read services', () => get('/api/v1/services')],
  ['read endpoint slices', () => get('/apis/discovery.k8s.io/v1/endpointslices')],
  ['evict its pod', () => post(`${ns}/pods/mine/eviction`, { metadata: { name: 'mine' } })],
];

test.each(allowed)('a node can still %s', async (_what, attempt) => {
  const { status, body } = await send(node, attempt());
  expect(status, body.message).toBeLessThan(300);
});

test('a node without a name has nothing', async () => {
  const headers = { 'impersonate-user': 'system:node:', 'impersonate-group': 'system:nodes' };
  for (const path of [
    ...['/api/v1/pods?fieldSelector=spec.nodeName%3D', `${ns}/pods/waiting`],
    ...[`${ns}/secrets/secret-of-waiting`, `${ns}/configmaps/config-of-waiting`],
  ]) {
    const { status, body } = await admin.request({ method: 'GET', path, headers });
    expect(status, `${path}: ${body.toString()}`).toBe(403);
  }
});

test('a mirror pod gives its node nothing, whoever has made it', async () => {
  const metadata = { name: 'shown', annotations: { 'kubernetes.io/config.mirror': 'x' } };
  const volumes = [{ name: 's', configMap: { name: 'config-of-theirs' } }];
  const spec = { nodeName: 'host-1', containers: [container], volumes };
  await make(`${ns}/pods`, { metadata, spec });
  expect((await send(node, get(`${ns}/pods/shown`))).status).toBe(200);
  expect((await send(node, get(`${ns}/configmaps/config-of-theirs`))).status).toBe(403);
});

test('a node whose Node is deleted keeps nothing once its pods are gone, as in Kubernetes, and may only register again', async () => {
  await makePod('last', 'host-1');
  const secret = get(`${ns}/secrets/secret-of-last`);
  const accountToken = (): Attempt =>
    post(`${ns}/serviceaccounts/account-of-last/token`, token('last', uidOf('last')));
  expect((await send(node, secret)).status).toBe(200);
  const issued = await send(node, accountToken());
  expect(issued.status).toBe(201);
  expect((await send(admin, remove('/api/v1/nodes/host-1'))).status).toBe(200);
  // What it may read follows from the pods that are bound to its name; garbage collection of pods deletes them next.
  expect((await send(node, secret)).status).toBe(200);
  const now = { gracePeriodSeconds: 0 };
  const mine = await send(admin, get('/api/v1/pods?fieldSelector=spec.nodeName%3Dhost-1'));
  const { items = [] } = mine.body as { readonly items?: readonly Named[] };
  for (const { metadata } of items)
    await send(admin, { ...remove(`${ns}/pods/${metadata.name}`), body: { kind: 'DeleteOptions', ...now } });
  for (const attempt of [
    ...[secret, get(`${ns}/configmaps/config-of-last`), get(`${ns}/pods/last`)],
    ...[get(`${ns}/persistentvolumeclaims/claim-of-last`), get('/api/v1/persistentvolumes/volume-of-last')],
    ...[get('/api/v1/namespaces/kube-system/secrets/last'), get(`${ns}/serviceaccounts/account-of-last`)],
    ...[accountToken(), post(`${ns}/pods`, mirror({}))],
  ]) {
    const { status, body } = await send(node, attempt);
    expect(status, `${attempt.path}: ${body.message}`).toBe(403);
  }
  const { body } = await send(admin, {
    ...post('/apis/authentication.k8s.io/v1/tokenreviews', {}),
    body: {
      ...{ apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview' },
      spec: { token: (issued.body as { readonly status?: { readonly token?: string } }).status?.token },
    },
  });
  expect(body).toMatchObject({
    status: { user: {}, error: '[invalid bearer token, service account token has been invalidated]' },
  });
  const again = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'host-1' } };
  expect((await send(node, post('/api/v1/nodes', again))).status).toBe(201);
  expect((await send(node, secret)).status).toBe(403);
});
