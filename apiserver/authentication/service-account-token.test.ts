import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { TokenSigner, TokenVerifier } from './service-account-token.ts';
import { readVerificationKeys } from './signing-keys.ts';

const issuer = 'https://issuer';
const claims = { namespace: 'default', serviceaccount: { name: 'a', uid: 'u' } };

test.each([
  ['P-256', 'ES256'],
  ['P-384', 'ES384'],
  ['P-521', 'ES512'],
  ['RSA', 'RS256'],
] as const)(
  'a token signed with a key of %s is known before and after it has ended, and says when',
  async (type, algorithm) => {
    const { privateKey } =
      type === 'RSA'
        ? generateKeyPairSync('rsa', { modulusLength: 2_048 })
        : generateKeyPairSync('ec', { namedCurve: type });
    const keyPem = Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const publicPem = Buffer.from(createPublicKey(keyPem).export({ type: 'spki', format: 'pem' }));
    const clock = new ManualClock();
    const signer = new TokenSigner({ keyPem, issuer, audiences: [issuer], clock });
    const { token } = await signer.issue({ audiences: [issuer], expirationSeconds: 600, claims });
    expect(JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).alg).toBe(algorithm);
    const keys = readVerificationKeys([publicPem]);
    const verifier = new TokenVerifier({ keys, issuers: [issuer], clock });
    const problem = (): string | undefined => {
      const found = verifier.verify(token);
      return found === undefined ? 'not ours' : verifier.timeProblem(found);
    };
    expect(problem()).toBeUndefined();
    await clock.advance(599_000);
    expect(problem()).toBeUndefined();
    await clock.advance(1_000);
    expect(problem()).toBe('service account token has expired');
    // Another server's clock is a little behind, or far.
    const behind = new TokenVerifier({
      keys,
      issuers: [issuer],
      clock: new ManualClock(clock.nowMs() - 660_000),
    });
    const early = new TokenVerifier({
      keys,
      issuers: [issuer],
      clock: new ManualClock(clock.nowMs() - 662_000),
    });
    const known = behind.verify(token);
    expect(known && behind.timeProblem(known)).toBeUndefined();
    expect(known && early.timeProblem(known)).toBe('service account token is not valid yet');
    const other = new TokenVerifier({ keys, issuers: ['https://other'], clock });
    expect(other.verify(token)).toBeUndefined();
  },
);

test('a key of another kind is refused when it is read', () => {
  const { publicKey } = generateKeyPairSync('ed25519');
  const pem = Buffer.from(publicKey.export({ type: 'spki', format: 'pem' }));
  expect(() => readVerificationKeys([pem])).toThrow('is RSA, or EC on P-256, P-384 or P-521, not ed25519');
});
