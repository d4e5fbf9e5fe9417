/**
 * Certificates of hollow nodes: of each its own, as hosts have them, but thousands in one go and in one file for each
 * process. They are written byte by byte after the model of one that the authority has issued: 0.3 ms each instead of 3.
 * Whoever renews the cluster's certificates renews them; the process takes them as it goes.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { type Clock, systemClock } from '../base/clock.ts';
import {
  type CertificatePair,
  lifeOfCertificate,
  readIfPresent,
  replaceSecretFile,
} from '../client/certificate-file.ts';
import { der, ecdsaWithSha256, pemOf, signedBody, subjectName, tag } from '../client/der.ts';
import type { HollowIdentities } from '../node-agent/hollow/identities-file.ts';
import type { HollowProcess } from './hollow-processes.ts';
import type { Layout } from './layout.ts';
import { type CertificateAuthority, renewBeforeMs } from './pki.ts';

/** Keys made in one go before something else may run. */
const batch = 100;
const organization = 'system:nodes';

export const hollowIdentitiesFile = (layout: Layout, unit: string): string =>
  join(layout.pki, 'hollow', `${unit}.json`);

/** Writes the file of a process, unless all its nodes are in it and have time left. */
export async function ensureHollowIdentities(
  options: { readonly layout: Layout; readonly server: string; readonly authority: CertificateAuthority },
  { unit, first, count }: HollowProcess,
  { renewAll = false }: { readonly renewAll?: boolean },
): Promise<void> {
  const { layout, server, authority } = options;
  const file = hollowIdentitiesFile(layout, unit);
  const nodes = Array.from({ length: count }, (_, n) => `hollow-${first + n}`);
  const found = await readFound(file);
  const ca = authority.certPem;
  const isLasting = found !== undefined && found.endMs - systemClock.nowMs() > renewBeforeMs;
  const known = isLasting && !renewAll ? found.pairs : {};
  const missing = nodes.filter((name) => known[name] === undefined);
  if (missing.length === 0 && found?.ca === ca && found.server === server) return;
  const issuer = await HollowIssuer.create(layout, authority);
  const made = await issuer.issueAll(missing, systemClock);
  const endMs = missing.length === nodes.length ? issuer.endMs : Math.min(found?.endMs ?? 0, issuer.endMs);
  const pairs = Object.fromEntries(nodes.map((name) => [name, known[name] ?? made.get(name)]));
  const identities = { server, ca, endMs, pairs };
  await replaceSecretFile(file, JSON.stringify(identities));
}

async function readFound(file: string): Promise<HollowIdentities | undefined> {
  const text = await readIfPresent(file);
  return text === undefined ? undefined : (JSON.parse(text) as HollowIdentities);
}

/** @see RFC 5280 section 4.1 */
class HollowIssuer {
  readonly endMs: number;
  readonly #key: KeyObject;
  readonly #beforeSubject: Buffer;
  readonly #afterKey: Buffer;

  private constructor(key: KeyObject, model: string) {
    this.#key = key;
    const { beginMs, endMs } = lifeOfCertificate(model);
    this.endMs = endMs;
    const { issuerName, extensions } = new x509.X509Certificate(model);
    const life = der(tag.sequence, utcTime(beginMs), utcTime(endMs));
    this.#beforeSubject = Buffer.concat([ecdsaWithSha256, Buffer.from(issuerName.toArrayBuffer()), life]);
    const raw = extensions.map(({ rawData }) => Buffer.from(rawData));
    this.#afterKey = der(tag.fourth, der(tag.sequence, ...raw));
  }

  static async create(layout: Layout, authority: CertificateAuthority): Promise<HollowIssuer> {
    const { cert } = await authority.issue({ commonName: 'model', organizations: [organization] });
    return new HollowIssuer(createPrivateKey(readFileSync(join(layout.pki, 'ca.key'))), cert);
  }

  async issueAll(names: readonly string[], clock: Clock): Promise<Map<string, CertificatePair>> {
    const made = new Map<string, CertificatePair>();
    for (const name of names) {
      made.set(name, this.#issue(name));
      if (made.size % batch === 0) await new Promise<void>((resolve) => void clock.setImmediate(resolve));
    }
    return made;
  }

  #issue(name: string): CertificatePair {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const body = der(
      tag.sequence,
      version3,
      der(tag.integer, serialNumber()),
      this.#beforeSubject,
      subjectName(organization, `system:node:${name}`),
      publicKey,
      this.#afterKey,
    );
    const cert = pemOf('CERTIFICATE', signedBody(body, sign('sha256', body, this.#key)));
    return { cert, key: privateKey };
  }
}

const version3 = der(tag.first, der(tag.integer, Buffer.from([2])));

/** Positive, and 16 bytes long. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

/** `YYMMDDhhmmssZ`. */
function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, '');
  return der(tag.utcTime, Buffer.from(`${digits.slice(2, 14)}Z`));
}
