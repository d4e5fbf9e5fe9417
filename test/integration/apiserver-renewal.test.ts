import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { configmaps } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { runWithClient } from '../../client/followed-client.ts';
import { Informer } from '../../client/informer.ts';
import { kubeconfigOf } from '../../deploy/kubeconfig.ts';
import { CertificateAuthority, writeSecret } from '../../deploy/pki.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { eventually } from '../support/eventually.ts';

const watches = 100;
const renewalDeadlineMs = 40_000;
let server: ApiServerProcess;
beforeAll(async () => {
  server = await ApiServerProcess.start();
});
afterAll(() => server.stop());

/** Serial number of the certificate that the server shows now. */
function servedSerial(): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: server.port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.once('error', reject);
  });
}

/** Whether the server agrees to a cipher without authenticated encryption, which Node would by its defaults. */
function takesWeakCipher(): Promise<boolean> {
  const weak = {
    maxVersion: 'TLSv1.2',
    ciphers: 'ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256',
  } as const;
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port: server.port, rejectUnauthorized: false, ...weak };
    const socket = connect(options, () => {
      resolve(true);
      socket.end();
    });
    socket.once('error', () => resolve(false));
  });
}

test('certificates of server and client are renewed while watches run, and no request fails', async () => {
  const pki = join(server.directory, 'pki');
  const authority = await CertificateAuthority.open(pki);
  const abort = new AbortController();
  const kubeconfig = server.kubeconfig('admin');
  const log: string[] = [];
  const logger = { ...silentLogger, info: (_fields: object, message: string) => void log.push(message) };
  const common = { clock: systemClock, random: systemRandom };
  const program = async (client: ApiClient, signal: AbortSignal): Promise<void> => {
    const options = { ...common, client, type: configmaps, logger: silentLogger };
    const selection = { namespace: 'default' };
    const informers = Array.from({ length: watches }, () => new Informer({ ...options, selection }));
    const running = informers.map((informer) => informer.run(signal));
    await Promise.all(informers.map((informer) => informer.whenSynced(signal)));
    const serialBefore = await servedSerial();

    const hosts = ['127.0.0.1', 'localhost'];
    const serving = await authority.issue({ commonName: 'kube-apiserver', hosts });
    await writeSecret(join(pki, 'apiserver.key'), serving.key);
    await writeSecret(join(pki, 'apiserver.crt'), serving.cert);
    const identity = { commonName: 'kubernetes-admin', organizations: ['system:masters'] };
    const pair = await authority.issue(identity);
    const server_ = `https://127.0.0.1:${server.port}`;
    const caPem = readFileSync(join(pki, 'ca.crt'), 'utf8');
    await writeSecret(
      kubeconfig,
      kubeconfigOf({ cluster: 'coracle', user: identity.commonName, server: server_, caPem, pair }),
    );

    let written = 0;
    await eventually(async () => {
      const metadata = { name: `during-${written}`, namespace: 'default' };
      await client.create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
      written += 1;
      expect(await servedSerial()).not.toBe(serialBefore);
      expect(log).toContain('took what has changed');
    }, renewalDeadlineMs);
    expect(await takesWeakCipher()).toBe(false);
    const metadata = { name: 'after', namespace: 'default' };
    await client.create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata });
    await eventually(async () => {
      for (const { lister } of informers) {
        expect(lister.get('default', 'after')).toBeDefined();
        expect(lister.list().length).toBeGreaterThan(written);
      }
    });
    abort.abort();
    await Promise.all(running);
  };
  await runWithClient({ ...common, kubeconfig, logger, userAgent: 'test' }, abort.signal, program);
}, 90_000);
