import { webcrypto, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import { certificatesigningrequests } from '../../api/generated/resources.ts';
import type { ApiClient } from '../../client/client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { signingOf, TestControllers } from '../support/test-controllers.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
let server: TestApiServer;
let admin: ApiClient;
let controllers: TestControllers;

beforeAll(async () => {
  server = await startApiServer(['host-1']);
  admin = await server.clientAs('admin');
  const signing = await signingOf(server);
  controllers = TestControllers.start(await server.clientAs('controllers'), { signing });
});
afterAll(async () => {
  await controllers?.stop();
  await server?.stop();
});

async function pemOf(subject: string): Promise<string> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    ...{ name: subject, keys, signingAlgorithm: algorithm },
  });
  return request.toString('pem');
}

async function ask(
  name: string,
  subject: string,
  spec: Partial<CertificateSigningRequest['spec']>,
): Promise<CertificateSigningRequest> {
  return admin.create(certificatesigningrequests, {
    ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name } },
    spec: {
      request: Buffer.from(`${await pemOf(subject)}\n`).toString('base64'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      ...spec,
    },
  });
}

const decide = async (request: CertificateSigningRequest, type: string): Promise<void> => {
  const conditions = [{ type, status: 'True', reason: 'Test', message: 'by hand' }];
  const next = { ...request, status: { ...request.status, conditions } };
  await admin.update(certificatesigningrequests, next, { subresource: 'approval' });
};

const requestOf = (name: string): Promise<CertificateSigningRequest> =>
  admin.get(certificatesigningrequests, { name });

const certificateOf = (name: string): Promise<X509Certificate> =>
  eventually(async () => {
    const { status } = await requestOf(name);
    return new X509Certificate(Buffer.from(status?.certificate ?? '', 'base64'));
  });

it('an approved request is signed by the authority that clients are known by, for as long as was asked', async () => {
  const request = await ask('jane', 'O=devs, CN=jane', { expirationSeconds: 3_600 });
  expect((await requestOf('jane')).status?.certificate).toBeUndefined();
  await decide(request, 'Approved');
  const certificate = await certificateOf('jane');
  const authority = new X509Certificate(readFileSync(join(server.directory, 'pki', 'ca.crt')));
  expect(certificate.verify(authority.publicKey)).toBe(true);
  expect(certificate.subject.split('\n').sort()).toEqual(['CN=jane', 'O=devs']);
  const leftMs = Date.parse(certificate.validTo) - Date.now();
  expect(leftMs).toBeGreaterThan(3_500_000);
  expect(leftMs).toBeLessThanOrEqual(3_600_000);
});

it("a kubelet's request of somebody who may make nodes is approved without a human", async () => {
  await ask('node', 'O=system:nodes, CN=system:node:host-9', {
    signerName: 'kubernetes.io/kube-apiserver-client-kubelet',
    usages: ['client auth', 'digital signature'],
  });
  expect((await certificateOf('node')).subject).toContain('CN=system:node:host-9');
  expect((await requestOf('node')).status?.conditions).toMatchObject([
    {
      ...{ type: 'Approved', reason: 'AutoApproved' },
      message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
    },
  ]);
});

it('a request that its signer cannot sign fails and says why', async () => {
  const request = await ask('odd', 'O=system:nodes, CN=system:node:host-9', { usages: ['server auth'] });
  await decide(request, 'Approved');
  await eventually(async () =>
    expect((await requestOf('odd')).status?.conditions).toMatchObject([
      { type: 'Approved' },
      {
        ...{ type: 'Failed', reason: 'SignerValidationFailure' },
        message: 'invalid usage for client certificate: server auth',
      },
    ]),
  );
});

it('a denied request stays without a certificate', async () => {
  await decide(await ask('no', 'CN=no', {}), 'Denied');
  await decide(await ask('yes', 'CN=yes', {}), 'Approved');
  await certificateOf('yes');
  expect((await requestOf('no')).status?.certificate).toBeUndefined();
});

it('nobody becomes an administrator by a request', async () => {
  await expect(ask('master', 'O=system:masters, CN=me', {})).rejects.toThrow(
    'certificatesigningrequests.certificates.k8s.io "master" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
  );
  // Who signs takes the first block, whatever it is called.
  const [masters, devs] = [await pemOf('O=system:masters, CN=me'), await pemOf('O=devs, CN=me')];
  const both = `${masters.replaceAll('CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST')}\n${devs}\n`;
  const request = Buffer.from(both).toString('base64');
  await expect(ask('both', 'CN=me', { request })).rejects.toMatchObject({ code: 422 });
});
