import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kubeconfigCandidates, loadKubeconfig } from './kubeconfig.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'coracle-kubeconfig-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const yaml = `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: local
  cluster: {server: "https://127.0.0.1:6443/", certificate-authority: ca.crt}
- name: far
  cluster: {server: "https://far:6443", insecure-skip-tls-verify: true}
users:
- name: admin
  user: {client-certificate-data: ${Buffer.from('CERT').toString('base64')}, client-key-data: ${Buffer.from('KEY').toString('base64')}}
- name: robot
  user: {tokenFile: token}
contexts:
- name: dev
  context: {cluster: local, user: admin, namespace: team}
- name: ops
  context: {cluster: far, user: robot}
`;

describe('loadKubeconfig', () => {
  it('reads inline data and files beside the kubeconfig', async () => {
    write('ca.crt', 'CA');
    expect(await loadKubeconfig(write('config', yaml))).toMatchObject({
      server: 'https://127.0.0.1:6443',
      ca: 'CA',
      cert: 'CERT',
      key: 'KEY',
      namespace: 'team',
    });
  });

  it('takes another context, and a token from a file', async () => {
    write('token', 'secret\n');
    const config = await loadKubeconfig(write('config', yaml), { context: 'ops' });
    expect(config).toMatchObject({
      server: 'https://far:6443',
      token: 'secret',
      insecureSkipTlsVerify: true,
    });
  });

  it('reads JSON', async () => {
    const json = { clusters: [{ name: 'a', cluster: { server: 'https://a:1' } }], users: [], contexts: [] };
    expect(await loadKubeconfig(write('config', JSON.stringify(json)), { cluster: 'a' })).toMatchObject({
      server: 'https://a:1',
    });
  });

  it.each([
    ['a file that is missing', 'nowhere', undefined, /read .*nowhere/],
    ['text that is no YAML', 'config', '{', /config: /],
    ['an unknown context', 'config', 'current-context: x', /context "x" does not exist/],
    ['no server', 'config', '', /cluster "" does not exist or has no server/],
  ])('names the file when it has %s', async (_, name, text, message) => {
    const path = text === undefined ? join(directory, name) : write(name, text);
    await expect(loadKubeconfig(path)).rejects.toThrow(message);
  });
});

describe('kubeconfigCandidates', () => {
  const places = { flag: undefined, environment: undefined, projectRoot: '/clone', home: '/root' };

  it('looks at the flag, the environment, the clone, then the home directory', () => {
    expect(kubeconfigCandidates({ ...places, flag: '/a', environment: '/b' })).toEqual(['/a']);
    expect(kubeconfigCandidates({ ...places, environment: '/b:/c' })).toEqual(['/b', '/c']);
    expect(kubeconfigCandidates(places)).toEqual(['/clone/.cluster/kubeconfig', '/root/.kube/config']);
  });
});
