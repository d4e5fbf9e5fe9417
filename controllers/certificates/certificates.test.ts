import { webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../api/generated/certificates-v1.ts';
import type { Node, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { signingRequest } from '../../test/support/signing-request.ts';
import { recognize } from './approval.ts';
import { factsOf, parseRequest, type RequestFacts } from './request-facts.ts';
import { endOfRequest } from './request-life.ts';
import { apiserverClient, kubeletClient, kubeletServing, signers } from './signers.ts';
import { lifetimeSeconds, SigningAuthority } from './signing-authority.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const nowMs = Date.parse('2026-06-01T00:00:00Z');

const facts = (changes: Partial<RequestFacts> = {}): RequestFacts => ({
  commonName: 'system:node:host-1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ipAddresses: [],
  emailAddresses: [],
  uris: [],
  ...changes,
});
const client = ['client auth', 'digital signature'];
const server = ['server auth', 'digital signature', 'key encipherment'];

describe('a signer', () => {
  it.each([
    [kubeletClient, facts(), client, undefined],
    [
      kubeletClient,
      facts({ organizations: ['system:masters'] }),
      client,
      'subject organization is not system:nodes',
    ],
    [
      kubeletClient,
      facts({ organizations: ['system:nodes', 'x'] }),
      client,
      'subject organization is not system:nodes',
    ],
    [
      kubeletClient,
      facts({ commonName: 'admin' }),
      client,
      'subject common name does not begin with system:node:',
    ],
    [kubeletClient, facts({ dnsNames: ['a'] }), client, 'DNS subjectAltNames are not allowed'],
    [kubeletClient, facts(), server, 'usages did not match [client auth digital signature key encipherment]'],
    [kubeletServing, facts({ ipAddresses: ['10.0.0.1'] }), server, undefined],
    [kubeletServing, facts(), server, 'DNS or IP subjectAltName is required'],
    [
      kubeletServing,
      facts({ dnsNames: ['a'], uris: ['x:y'] }),
      server,
      'URI subjectAltNames are not allowed',
    ],
    [apiserverClient, facts({ commonName: 'me', organizations: ['devs'] }), client, undefined],
    [apiserverClient, facts(), server, 'invalid usage for client certificate: server auth'],
    [
      apiserverClient,
      facts(),
      ['digital signature'],
      'missing required usage for client certificate: client auth',
    ],
  ])('%s judges %j for %j', (signer, asked, usages, expected) => {
    expect(signers.get(signer)?.(asked, usages)).toBe(expected);
  });

  it('takes the last of several common names, which is the one that counts in a certificate', async () => {
    const request = await signingRequest(['system:node:host-1', 'kube-apiserver-kubelet-client']);
    expect(factsOf(parseRequest(request)).commonName).toBe('kube-apiserver-kubelet-client');
  });

  it('signs what is asked, for as long as is asked', async () => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const issuer = await x509.X509CertificateGenerator.createSelfSigned({
      ...{ serialNumber: '01', name: 'CN=ca', keys, signingAlgorithm: algorithm },
      ...{ notBefore: new Date(nowMs - 1000), notAfter: new Date(nowMs + 90 * 86_400_000) },
    });
    const own = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const request = await x509.Pkcs10CertificateRequestGenerator.create({
      ...{ name: 'O=system:nodes, CN=system:node:host-1', keys: own, signingAlgorithm: algorithm },
      extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '10.0.0.1' }])],
    });
    const parsed = parseRequest(Buffer.from(request.toString('pem')).toString('base64'));
    expect(factsOf(parsed)).toEqual(facts({ ipAddresses: ['10.0.0.1'] }));
    const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    const authority = await SigningAuthority.open({
      certPem: issuer.toString('pem'),
      keyPem: `-----BEGIN PRIVATE KEY-----\n${der}\n-----END PRIVATE KEY-----\n`,
      durationSeconds: 86_400,
    });
    const signed = new X509Certificate(
      await authority.sign(parsed, { usages: server, seconds: 3_600, nowMs }),
    );
    expect(signed.subject).toContain('CN=system:node:host-1');
    expect(signed.subjectAltName).toBe('IP Address:10.0.0.1');
    expect(Date.parse(signed.validTo)).toBe(nowMs + 3_600_000);
    expect(signed.verify(new X509Certificate(issuer.toString('pem')).publicKey)).toBe(true);
    expect(signed.ca).toBe(false);
  });

  it.each([
    [undefined, 86_400],
    [3_600, 3_600],
    [60, 600],
    [10 * 86_400, 86_400],
  ])('gives %s seconds as %s', (asked, given) => expect(lifetimeSeconds(asked, 86_400)).toBe(given));

  it('refuses text that is no request', () => {
    expect(() => parseRequest(Buffer.from('nonsense').toString('base64'))).toThrow('unable to parse');
  });
});

const aRequest = (spec: Partial<CertificateSigningRequest['spec']>): CertificateSigningRequest => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name: 'r', uid: '1', resourceVersion: '1', creationTimestamp: '2026-06-01T00:00:00Z' },
  spec: { request: '', signerName: kubeletClient, usages: client, username: 'system:node:host-1', ...spec },
});

interface Named {
  readonly metadata: { readonly name: string };
}
const listed = <T extends Named>(objects: readonly T[]) => ({
  lister: {
    byIndex: () => objects,
    get: (_namespace: string | undefined, name: string) =>
      objects.find(({ metadata }) => metadata.name === name),
  },
});

describe('approval without a human', () => {
  const node: Node = {
    ...{ apiVersion: 'v1', kind: 'Node' },
    metadata: { name: 'host-1', uid: '1', resourceVersion: '1', creationTimestamp: '' },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address: '10.0.0.1' }] },
  };
  const cluster = {
    nodes: listed([node]),
    services: listed<Service>([]),
    endpointSlices: listed<EndpointSlice>([]),
  };
  const rights = (request: CertificateSigningRequest, asked: RequestFacts): string[] =>
    recognize(request, asked, cluster).map(({ right }) => right);

  it('knows a node that renews its certificate, and one that joins', () => {
    expect(rights(aRequest({}), facts())).toEqual(['selfnodeclient', 'nodeclient']);
    expect(rights(aRequest({ username: 'system:bootstrap:abc' }), facts())).toEqual(['nodeclient']);
  });

  it('knows a serving certificate for what the node is, and for nothing else', () => {
    const request = aRequest({ signerName: kubeletServing, usages: server });
    expect(rights(request, facts({ ipAddresses: ['10.0.0.1'], dnsNames: ['host-1'] }))).toEqual([
      'selfnodeserver',
    ]);
    expect(rights(request, facts({ ipAddresses: ['10.0.0.1'], dnsNames: ['kubernetes'] }))).toEqual([]);
    expect(
      rights({ ...request, spec: { ...request.spec, username: 'other' } }, facts({ dnsNames: ['host-1'] })),
    ).toEqual([]);
  });

  it('does not know what no kubelet asks for', () => {
    expect(rights(aRequest({ signerName: apiserverClient }), facts())).toEqual([]);
    expect(rights(aRequest({}), facts({ commonName: 'admin' }))).toEqual([]);
  });
});

describe('a request ends', () => {
  const condition = (type: string) => ({ type, status: 'True', lastUpdateTime: '2026-06-01T10:00:00Z' });
  const hours = (request: CertificateSigningRequest, endMs?: number): number =>
    (endOfRequest(request, endMs) - nowMs) / 3_600_000;

  it('after a day when nobody decides, after an hour when it is decided, with its certificate at the latest', () => {
    expect(hours(aRequest({}))).toBe(24);
    for (const type of ['Approved', 'Denied', 'Failed'])
      expect(hours({ ...aRequest({}), status: { conditions: [condition(type)] } })).toBe(11);
    expect(
      hours({ ...aRequest({}), status: { conditions: [condition('Approved')] } }, nowMs + 10.5 * 3_600_000),
    ).toBe(10.5);
  });
});
