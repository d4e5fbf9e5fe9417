import { createHash, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import { pairText, replaceSecretFile } from '../../client/certificate-file.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { Informer } from '../../client/informer.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { clientOrder } from '../../client/node-order.ts';
import { requestCertificate } from '../../client/request-certificate.ts';
import { createPrivateKeyPem } from '../../client/signing-request.ts';
import { nodeKubeconfigOf } from '../../deploy/kubeconfig.ts';
import { CertificateAuthority } from '../../deploy/pki.ts';
import { startApiServer, type TestApiServer, testLogger } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { signingOf, TestControllers } from '../support/test-controllers.ts';

const common = { clock: systemClock, random: systemRandom, logger: testLogger };
const nodeName = 'host-1';
/** Of each of two kinds. */
const watches = 50;
const renewals = 3;
let server: TestApiServer;
let admin: ClosableApiClient;
let controllers: TestControllers;

beforeAll(async () => {
  server = await startApiServer([nodeName]);
  admin = await server.clientAs('admin');
  const signing = await signingOf(server);
  controllers = TestControllers.start(await server.clientAs('controllers'), { signing });
});
afterAll(async () => {
  await controllers?.stop();
  await server?.stop();
});

/** A node's own kubeconfig, and beside it the certificate that it names. */
async function layIdentity(): Promise<{ readonly kubeconfig: string; readonly certificate: string }> {
  const directory = join(server.directory, 'node');
  const certificate = join(directory, 'client.pem');
  const authority = await CertificateAuthority.open(join(server.directory, 'pki'));
  const identity = { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] };
  await replaceSecretFile(certificate, pairText(await authority.issue(identity)));
  await writeFile(join(directory, 'ca.crt'), readFileSync(join(server.directory, 'pki/ca.crt')));
  const address = (await loadKubeconfig(join(server.directory, 'admin.kubeconfig'))).server;
  const kubeconfig = join(directory, 'kubeconfig');
  await writeFile(kubeconfig, nodeKubeconfigOf({ cluster: 'coracle', nodeName, server: address }));
  return { kubeconfig, certificate };
}

/** What the server takes a client for: the certificate of the connection on which it asks. */
async function credentialOf(client: ClosableApiClient): Promise<string | undefined> {
  const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
  const body = JSON.stringify({ apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' });
  const headers = { 'content-type': 'application/json' };
  const answer = await client.request({ method: 'POST', path, headers, body });
  const review = JSON.parse(answer.body.toString());
  return review.status?.userInfo?.extra?.['authentication.kubernetes.io/credential-id']?.[0];
}

const credentialIn = (pem: string): string =>
  `X509SHA256=${createHash('sha256').update(new X509Certificate(pem).raw).digest('hex')}`;

const value = (node: Node): number => Number(node.metadata.annotations?.['test/value'] ?? '0');

async function write(of: number): Promise<void> {
  const body = { metadata: { annotations: { 'test/value': `${of}` } } };
  await admin.patch(nodes, { name: nodeName }, { type: 'merge', body });
}

test("an agent's certificate is renewed while 100 of its watches are open, and nothing fails", async () => {
  const { kubeconfig, certificate } = await layIdentity();
  const failures: unknown[] = [];
  const told = (fields: object, message: string): void => void failures.push({ message, fields });
  const logger: Logger = { ...testLogger, warn: told, error: told };
  const config = await loadKubeconfig(kubeconfig);
  const client = createApiClient({ ...common, logger, config, userAgent: 'agent' });
  await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: nodeName }, spec: {} });
  const stop = new AbortController();
  /** What each watch of the node has shown. */
  const seen: number[][] = [];
  const informers = Array.from({ length: watches }, () => {
    const shown: number[] = [];
    seen.push(shown);
    const options = { ...common, logger, client };
    const ofNode = new Informer({
      ...{ ...options, type: nodes },
      selection: { fieldSelector: `metadata.name=${nodeName}` },
    });
    // Controllers write to the node as well: what counts is that no value is left out and none comes again later.
    const show = (node: Node): void => void (value(node) === shown.at(-1) || shown.push(value(node)));
    ofNode.addHandler({ onAdd: show, onUpdate: (_before, node) => show(node) });
    const ofPods = new Informer({
      ...{ ...options, type: pods },
      selection: { fieldSelector: `spec.nodeName=${nodeName}` },
    });
    return [ofNode, ofPods];
  }).flat();
  const running = informers.map((informer) => informer.run(stop.signal));
  await Promise.all(informers.map((informer) => informer.whenSynced(stop.signal)));
  let asked = 0;
  const asking = (async () => {
    for (; !stop.signal.aborted; asked += 1) {
      const answer = await client.request({ method: 'GET', path: `/api/v1/nodes/${nodeName}` });
      if (answer.status !== 200) failures.push(answer.status);
    }
  })().catch((error: unknown) => void failures.push(error));

  let written = 0;
  for (let renewed = 0; renewed < renewals; renewed += 1) {
    const key = createPrivateKeyPem();
    const cert = await requestCertificate(clientOrder(nodeName, key), { ...common, client }, stop.signal);
    await replaceSecretFile(certificate, pairText({ cert, key }));
    written += 1;
    await Promise.all([client.renew(await loadKubeconfig(kubeconfig)), write(written)]);
    expect(await credentialOf(client)).toBe(credentialIn(cert));
    written += 1;
    await write(written);
    await eventually(() => {
      for (const shown of seen) expect(shown.at(-1)).toBe(written);
    });
  }
  expect(asked).toBeGreaterThan(renewals);
  stop.abort();
  await Promise.all([asking, ...running]);
  client.close();
  expect(failures).toEqual([]);
  for (const shown of seen) expect(shown).toEqual(Array.from({ length: written + 1 }, (_, at) => at));
}, 60_000);
