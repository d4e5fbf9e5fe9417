import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { certificatesigningrequests, rolebindings, roles } from '../../api/generated/resources.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { realClient } from '../e2e/real-clients.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { ensureServiceAccount } from '../support/service-account.ts';
import { signingRequest } from '../support/signing-request.ts';

/** The commands of kubectl that ask who somebody is and what they may do, by the real one. */
let server: TestApiServer;
let admin: ClosableApiClient;

beforeAll(async () => {
  server = await startApiServer([]);
  admin = await server.clientAs('admin');
  await ensureServiceAccount(admin);
});
afterAll(() => server.stop());

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

function kubectl(...args: string[]): Promise<Outcome> {
  const flags = [
    ...['--kubeconfig', join(server.directory, 'admin.kubeconfig')],
    ...['--cache-dir', join(server.directory, 'cache')],
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(realClient('kubectl'), [...flags, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

const policy = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: default }
rules: [{ apiGroups: [""], resources: ["pods"], resourceNames: ["web"], verbs: ["get"] }]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: reader, namespace: default }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader }
subjects: [{ apiGroup: rbac.authorization.k8s.io, kind: User, name: jane }]
`;

async function reconcile(text: string): Promise<Outcome> {
  const file = join(server.directory, 'policy.yaml');
  await writeFile(file, text);
  return kubectl('auth', 'reconcile', '-f', file);
}

test('auth reconcile makes roles and bindings, adds what is missing, and makes a binding to another role anew', async () => {
  const made = await reconcile(policy);
  expect(made.output).toContain('role.rbac.authorization.k8s.io/reader reconciled');
  expect(made.output).toContain('rolebinding.rbac.authorization.k8s.io/reader reconciled');
  await reconcile(policy.replace('"pods"], resourceNames: ["web"]', '"services"]'));
  const widened = await admin.get(roles, { namespace: 'default', name: 'reader' });
  expect(widened.rules).toHaveLength(2);
  await reconcile(policy.replace('kind: Role, name: reader', 'kind: ClusterRole, name: view'));
  const rebound = await admin.get(rolebindings, { namespace: 'default', name: 'reader' });
  expect(rebound.roleRef).toMatchObject({ kind: 'ClusterRole', name: 'view' });
  await reconcile(policy);
});

test('auth can-i answers yes and no, by exit code too', async () => {
  const ask = (...what: string[]): Promise<Outcome> => kubectl('auth', 'can-i', ...what, '--as=jane');
  expect(await ask('get', 'pods/web')).toEqual({ code: 0, output: 'yes\n' });
  expect(await ask('get', 'pods')).toEqual({ code: 1, output: 'no\n' });
  expect(await ask('delete', 'pods/web')).toEqual({ code: 1, output: 'no\n' });
  expect(await ask('get', '/version')).toEqual({ code: 0, output: 'yes\n' });
  const all = await kubectl('auth', 'can-i', '*', '*', '--all-namespaces');
  expect(all).toEqual({ code: 0, output: 'yes\n' });
});

test('auth can-i --list shows the rules of roles', async () => {
  const { code, output } = await kubectl('auth', 'can-i', '--list', '--as=jane');
  expect(code).toBe(0);
  const lines = output.split('\n').map((line) => line.trim().split(/\s{2,}/));
  expect(lines[0]).toEqual(['Resources', 'Non-Resource URLs', 'Resource Names', 'Verbs']);
  expect(lines).toContainEqual(['pods', '[]', '[web]', '[get]']);
  expect(lines).toContainEqual(['selfsubjectreviews.authentication.k8s.io', '[]', '[]', '[create]']);
  expect(lines).toContainEqual(['[/healthz]', '[]', '[get]']);
  expect(output).not.toMatch(/^\*\.\*/m);
  const { output: everything } = await kubectl('auth', 'can-i', '--list');
  expect(everything).toMatch(/^\*\.\* +\[\] +\[\] +\[\*\]$/m);
});

test('auth whoami tells user, groups and credential', async () => {
  const { output } = await kubectl('auth', 'whoami');
  expect(output).toMatch(/^Username +kubernetes-admin$/m);
  expect(output).toMatch(/^Groups +\[system:masters system:authenticated\]$/m);
  expect(output).toMatch(/credential-id +\[X509SHA256=[0-9a-f]{64}\]/);
  const other = await kubectl('auth', 'whoami', '--as=jane', '--as-group=team', '--as-uid=u1');
  expect(other.output).toMatch(/^Groups +\[team system:authenticated\]$/m);
});

test('create token gives a token that the server takes', async () => {
  const { output, code } = await kubectl('create', 'token', 'default', '--duration=10m');
  expect(code).toBe(0);
  const who = await admin.request({ method: 'GET', path: '/openid/v1/jwks' });
  expect(who.status).toBe(200);
  const [, claims = ''] = output.trim().split('.');
  expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
    sub: 'system:serviceaccount:default:default',
  });
});

test('certificate approve writes the condition', async () => {
  const name = 'jane';
  await admin.create(certificatesigningrequests, {
    ...{ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name } },
    spec: {
      request: await signingRequest('jane', 'team'),
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
    },
  });
  const { output } = await kubectl('certificate', 'approve', name);
  expect(output).toBe('certificatesigningrequest.certificates.k8s.io/jane approved\n');
  const { status } = await admin.get(certificatesigningrequests, { name });
  expect(status?.conditions).toMatchObject([{ type: 'Approved', reason: 'KubectlApprove' }]);
});
