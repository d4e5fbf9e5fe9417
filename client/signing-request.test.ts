import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { expect, it } from 'vitest';
import { createPrivateKeyPem, createSigningRequest, publicKeyOf } from './signing-request.ts';

it.each([
  ['no names', []],
  ['an address', ['10.1.2.3']],
  ['a name and addresses', ['host-1', '10.1.2.3', '192.0.2.255']],
  ['more than 127 bytes', Array.from({ length: 12 }, (_, n) => `host-${n}.a-long-name.example`)],
])('a request with %s is what was asked for, signed by its key', async (_what, hosts) => {
  const privateKey = createPrivateKeyPem();
  const pem = createSigningRequest({
    ...{ privateKey, organization: 'system:nodes', commonName: 'system:node:host-1', hosts },
  });
  const request = new x509.Pkcs10CertificateRequest(pem);
  expect(await request.verify()).toBe(true);
  expect(request.subject).toBe('O=system:nodes, CN=system:node:host-1');
  expect(Buffer.from(request.publicKey.rawData)).toEqual(publicKeyOf(privateKey));
  const found = request.extensions.find((each) => each instanceof x509.SubjectAlternativeNameExtension);
  const names = found instanceof x509.SubjectAlternativeNameExtension ? found.names.toJSON() : [];
  expect(names.map(({ value }) => value)).toEqual(hosts);
});
