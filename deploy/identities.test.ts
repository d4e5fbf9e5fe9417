import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createIdentities } from './identities.ts';
import { type Layout, layoutOf } from './layout.ts';
import { parseOptions, settingsOf } from './settings.ts';

let directory: string;
let layout: Layout;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coracle-identities-'));
  const state = join(directory, 'state');
  layout = { ...layoutOf('test'), state, pki: join(state, 'pki'), kubeconfig: join(state, 'kubeconfig') };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const keyFile = (name: string): Buffer => readFileSync(join(layout.pki, name));
async function up(...args: string[]): Promise<string | undefined> {
  const settings = settingsOf(parseOptions('up', ['--hosts', '0', ...args]).values);
  await createIdentities(layout, settings, undefined);
  return createPrivateKey(keyFile('sa.key')).asymmetricKeyType;
}

test('a new cluster with nodes signs tokens on an elliptic curve, and publishes the key to verify them by', async () => {
  expect(await up()).toBe('ec');
  const verifies = createPublicKey(keyFile('sa.pub'));
  expect(verifies.equals(createPublicKey(keyFile('sa.key')))).toBe(true);
  expect(verifies.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
});

test('a server alone signs with RSA, and a key that is there stays', async () => {
  expect(await up('--only', 'etcd,apiserver')).toBe('rsa');
  const before = keyFile('sa.key');
  expect(await up()).toBe('rsa');
  expect(keyFile('sa.key')).toEqual(before);
});
