import { webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import { BasicConstraintsExtension, X509CertificateGenerator } from '@peculiar/x509';
import { expect, test } from 'vitest';
import type { CertificateSubject } from './authenticator.ts';
import { FrontProxy, type FrontProxyFlags } from './front-proxy.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

interface Issued {
  readonly name: string;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly certificate: X509Certificate;
}

/** By themselves when there is no `by`. */
async function issue(name: string, by?: Issued): Promise<Issued> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.create({
    ...{ subject: `CN=${name}`, issuer: `CN=${by?.name ?? name}`, signingAlgorithm: algorithm },
    ...{ notBefore: new Date(2020, 1), notAfter: new Date(2120, 1), publicKey: keys.publicKey },
    signingKey: (by?.keys ?? keys).privateKey,
    extensions: [new BasicConstraintsExtension(true)],
  });
  return { name, keys, certificate: new X509Certificate(made.toString('pem')) };
}

function subjectOf(...chain: readonly Issued[]): CertificateSubject {
  const [leaf] = chain;
  return {
    ...{ commonName: leaf?.name ?? '', organizations: [], fingerprint: '' },
    ...{ isVerified: true, endMs: Number.POSITIVE_INFINITY },
    chain: () => chain.map(({ certificate }) => certificate),
  };
}

const flags: FrontProxyFlags = {
  ...{ caFile: 'ca.crt', allowedNames: ['proxy'], usernameHeaders: ['X-Remote-User'] },
  ...{ groupHeaders: [], uidHeaders: [], extraHeadersPrefixes: [] },
};
const jane = { headers: { 'x-remote-user': 'jane' }, rawHeaders: ['X-Remote-User', 'jane'] };
const pems = (proxy: Issued, client: Issued): { proxyCa: string; clientCa: string } => ({
  proxyCa: proxy.certificate.toString(),
  clientCa: client.certificate.toString(),
});

test('an authority in between signs for the one above it, and for no other', async () => {
  const [proxies, clients] = [await issue('proxies'), await issue('clients')];
  const between = await issue('between', proxies);
  const proxy = new FrontProxy(flags, pems(proxies, clients));
  const subject = subjectOf(await issue('proxy', between), between, proxies);
  expect(proxy.userOf(subject, jane)?.name).toBe('jane');
  expect(proxy.isClient(subject)).toBe(false);
  const strange = subjectOf(await issue('proxy', await issue('between')), between, proxies);
  expect(proxy.userOf(strange, jane)).toBeUndefined();
  expect(proxy.isClient(strange)).toBe(false);
});

test('a new authority of proxies signs for proxies only, and the old one for nobody', async () => {
  const [before, after, clients] = [await issue('proxies'), await issue('proxies'), await issue('clients')];
  const proxy = new FrontProxy(flags, pems(before, clients));
  const [old, renewed] = [subjectOf(await issue('proxy', before)), subjectOf(await issue('proxy', after))];
  expect(proxy.userOf(old, jane)?.name).toBe('jane');
  expect(proxy.userOf(renewed, jane)).toBeUndefined();
  proxy.renew(pems(after, clients));
  expect(proxy.userOf(renewed, jane)?.name).toBe('jane');
  expect(proxy.isClient(renewed)).toBe(false);
  expect(proxy.userOf(old, jane)).toBeUndefined();
  expect(proxy.isClient(old)).toBe(false);
  expect(proxy.isClient(subjectOf(await issue('bob', clients)))).toBe(true);
});
