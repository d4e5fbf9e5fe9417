import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Authenticator, type CertificateSubject } from './authenticator.ts';
import { peerSubject } from './peer-certificate.ts';

const clock = new ManualClock();
const authenticator = new Authenticator({
  ...{ apiAudiences: [], anonymousEverywhere: true, frontProxy: undefined, clock },
  tokens: [
    {
      authenticate: async (token) =>
        token === 'good'
          ? { user: { name: 'ann', uid: '', groups: [], extra: {} }, audiences: [] }
          : undefined,
    },
  ],
});

const certificate = (change: Partial<CertificateSubject> = {}): CertificateSubject => ({
  ...{ commonName: 'bob', organizations: [], fingerprint: '', isVerified: true, chain: () => [] },
  endMs: clock.nowMs() + 1_000,
  ...change,
});

async function nameOf(shown: CertificateSubject | undefined, authorization?: string): Promise<string> {
  const credentials = { certificate: shown, authorization, headers: {}, rawHeaders: [] };
  return (await authenticator.authenticate(credentials, '/api/v1/pods')).name;
}

test('a certificate is good until it ends, also on a connection that lasts longer', async () => {
  const lasting = certificate();
  expect(await nameOf(lasting)).toBe('bob');
  await clock.advance(1_000);
  await expect(nameOf(lasting)).rejects.toMatchObject({ code: 401 });
});

test('who shows a certificate that is no good is refused, unless a token is good', async () => {
  const strange = certificate({ isVerified: false });
  await expect(nameOf(strange)).rejects.toMatchObject({ code: 401 });
  expect(await nameOf(strange, 'Bearer good')).toBe('ann');
  expect(await nameOf(undefined)).toBe('system:anonymous');
});

test('of several common names in a certificate the last one counts', () => {
  const shown = {
    ...{ raw: Buffer.alloc(0), valid_to: 'Jan  1 00:00:00 2100 GMT', fingerprint256: 'AB:CD' },
    subject: { CN: ['system:node:a', 'bob'], O: 'dev' },
  };
  const socket = { authorized: true, getPeerCertificate: () => shown };
  expect(peerSubject(socket, socket)).toMatchObject({
    ...{ commonName: 'bob', organizations: ['dev'], isVerified: true },
    ...{ endMs: Date.UTC(2100, 0), fingerprint: 'abcd' },
  });
});
