import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { configmaps, events, pods, secrets } from '../../api/generated/resources.ts';
import { imagesOfVolumes } from '../../node-agent/volume/image-volume.ts';
import { type AgentHost, startAgentHost } from '../support/agent-host.ts';
import { eventually } from '../support/eventually.ts';
import { shellContainer, untilPod } from '../support/host-pods.ts';
import { writeTestImage } from '../support/test-image.ts';

let host: AgentHost;

beforeAll(async () => {
  host = await startAgentHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const until = (name: string, check: (pod: Pod) => boolean): Promise<Pod> => untilPod(host, name, check);

/** What a script that ran to its end wrote as its last words. */
async function output(name: string): Promise<string> {
  const pod = await until(name, ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed');
  const terminated = pod.status?.containerStatuses?.[0]?.state?.terminated;
  if (terminated?.exitCode !== 0) throw new Error(JSON.stringify(pod.status));
  return terminated.message ?? '';
}

function configMap(name: string, data: Record<string, string>) {
  return {
    apiVersion: 'v1' as const,
    kind: 'ConfigMap' as const,
    metadata: { name, namespace: 'default' },
    data,
  };
}

async function remove(name: string): Promise<void> {
  await host.client.delete(pods, { namespace: 'default', name }, { gracePeriodSeconds: 0 });
}

describe('volumes of a pod', () => {
  it('show config maps, secrets and the downward API as files with modes and owners', async () => {
    await host.client.create(configmaps, configMap('settings', { 'a.txt': 'alpha', 'b.txt': 'beta' }));
    await host.client.create(secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'keys', namespace: 'default' },
      type: 'Opaque',
      data: { token: Buffer.from('hush').toString('base64') },
    });
    const script = `cd /v; { cat config/a.txt deep/x/renamed secret/token labels/labels; echo; ls -ln secret/..data/token | head -c 10; id -G; } > /dev/termination-log`;
    const volumeMounts = ['config', 'deep', 'secret', 'labels'].map((name) => ({
      name,
      mountPath: `/v/${name}`,
    }));
    await host.createPod(
      'files',
      {
        restartPolicy: 'Never',
        securityContext: { fsGroup: 2000 },
        volumes: [
          { name: 'config', configMap: { name: 'settings' } },
          {
            name: 'deep',
            projected: {
              sources: [{ configMap: { name: 'settings', items: [{ key: 'b.txt', path: 'x/renamed' }] } }],
            },
          },
          { name: 'secret', secret: { secretName: 'keys', defaultMode: 0o400 } },
          {
            name: 'labels',
            downwardAPI: { items: [{ path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } }] },
          },
        ],
        containers: [shellContainer(script, { volumeMounts })],
      },
      { labels: { tier: 'web' } },
    );
    const words = await output('files');
    expect(words).toContain('alphabetahushtier="web"\n');
    expect(words).toContain('-r--r-----');
    expect(words).toMatch(/\b2000\b/);
    await remove('files');
  });

  it('follow a config map while the pod runs', async () => {
    await host.client.create(configmaps, configMap('moving', { value: 'old' }));
    await host.createPod('follows', {
      volumes: [{ name: 'config', configMap: { name: 'moving' } }],
      restartPolicy: 'Never',
      containers: [
        shellContainer(
          'until [ "$(cat /config/value)" = new ]; do sleep 0.1; done; echo seen > /dev/termination-log',
          {
            volumeMounts: [{ name: 'config', mountPath: '/config' }],
          },
        ),
      ],
    });
    await until('follows', ({ status }) => status?.phase === 'Running');
    const ref = { namespace: 'default', name: 'moving' };
    await host.client.patch(configmaps, ref, { type: 'merge', body: { data: { value: 'new' } } });
    expect(await output('follows')).toBe('seen\n');
    await remove('follows');
  });

  it('wait for an object that is missing and tell so', async () => {
    await host.createPod('waits', {
      volumes: [{ name: 'config', configMap: { name: 'late' } }],
      restartPolicy: 'Never',
      containers: [
        shellContainer('cat /c/k > /dev/termination-log', {
          volumeMounts: [{ name: 'config', mountPath: '/c' }],
        }),
      ],
    });
    await eventually(async () => {
      const { items } = await host.client.list(events, { namespace: 'default' });
      const texts = items.map(({ reason, message }) => `${reason} ${message}`);
      expect(texts).toContain(
        'FailedMount MountVolume.SetUp failed for volume "config" : configmap "late" not found',
      );
    });
    await host.client.create(configmaps, configMap('late', { k: 'here' }));
    expect(await output('waits')).toBe('here');
    await remove('waits');
  });

  it('name a type that the node does not have', async () => {
    await host.createPod('foreign', {
      volumes: [{ name: 'disk', nfs: { server: 'nowhere', path: '/' } }],
      containers: [shellContainer('true', { volumeMounts: [{ name: 'disk', mountPath: '/d' }] })],
    });
    await eventually(async () => {
      const { items } = await host.client.list(events, { namespace: 'default' });
      const texts = items.map(({ message }) => message);
      expect(texts).toContain(
        'MountVolume.SetUp failed for volume "disk" : volume type nfs is not supported on this node',
      );
    });
    await remove('foreign');
  });

  it('are shared, in memory when asked, and mounted by part', async () => {
    const script = `set -e; echo one > /m/file; cat /part > /dev/termination-log; cat /proc/mounts | while read d p t rest; do if [ "$p" = /m ]; then echo $t >> /dev/termination-log; fi; done`;
    await host.createPod('memory', {
      restartPolicy: 'Never',
      volumes: [
        { name: 'mem', emptyDir: { medium: 'Memory', sizeLimit: '4Mi' } },
        { name: 'host', hostPath: { path: '/etc', type: 'Directory' } },
      ],
      containers: [
        shellContainer(script, {
          volumeMounts: [
            { name: 'mem', mountPath: '/m' },
            { name: 'host', mountPath: '/part', subPath: 'debian_version', readOnly: true },
          ],
        }),
      ],
    });
    expect(await output('memory')).toMatch(/^\d+\.\d+\ntmpfs\n$/);
    await remove('memory');
    await eventually(async () => {
      expect(await host.run('cat', '/proc/mounts')).not.toContain('size=4096k');
    });
  });

  it('show the content of an image, for reading only, to all containers that mount it', async () => {
    const mount = { name: 'data', mountPath: '/data' };
    const part = { name: 'data', mountPath: '/part', subPath: 'deep/file' };
    const script =
      'cat /data/deep/file /part > /dev/termination-log; touch /data/new 2>> /dev/termination-log; true';
    const podOf = (pullPolicy: string): Partial<Pod['spec']> => ({
      restartPolicy: 'Never',
      volumes: [{ name: 'data', image: { reference: 'data', pullPolicy } }],
      containers: [
        shellContainer(script, { volumeMounts: [mount, part] }),
        shellContainer('cat /data/deep/file', { name: 'other', volumeMounts: [mount] }),
      ],
    });
    await host.createPod('blind', podOf('Never'));
    const { status } = await until(
      'blind',
      (pod) => pod.status?.containerStatuses?.[1]?.state?.waiting?.reason === 'ErrImageNeverPull',
    );
    expect(status?.containerStatuses?.[0]?.state?.waiting?.message).toBe(
      'Container image "data" is not present with pull policy of Never',
    );
    await remove('blind');
    const entries = [
      { name: 'deep', type: 'directory' },
      { name: 'deep/file', content: 'content\n' },
    ] as const;
    await writeTestImage(join(host.directory, 'images/data'), { layers: [entries] });
    await host.createPod('pictures', podOf('Always'));
    expect(await output('pictures')).toMatch(/^content\ncontent\ntouch: .*Read-only file system\n$/);
    expect(await imagesOfVolumes(join(host.directory, 'state'))).toEqual([
      expect.stringMatching(/^sha256:[0-9a-f]{64}$/),
    ]);
    await remove('pictures');
    await eventually(async () => {
      expect(await host.run('cat', '/proc/mounts')).not.toContain('volumes/data');
      expect(await imagesOfVolumes(join(host.directory, 'state'))).toEqual([]);
    });
  });
});

describe('the identity of a pod', () => {
  it('is a token of its service account, beside the authority and the namespace', async () => {
    await host.client.create(configmaps, configMap('kube-root-ca.crt', { 'ca.crt': 'authority' }));
    const script =
      'cd /var/run/secrets/kubernetes.io/serviceaccount; cat ca.crt namespace token > /dev/termination-log';
    await host.createPod('identity', {
      restartPolicy: 'Never',
      automountServiceAccountToken: true,
      containers: [shellContainer(script)],
    });
    expect(await output('identity')).toMatch(/^authoritydefault[\w-]+\.[\w-]+\.[\w-]+$/);
    await remove('identity');
  });

  it('is for the eyes of the user that the pod names, and of its group', async () => {
    await host.createPod('private', {
      restartPolicy: 'Never',
      securityContext: { runAsUser: 1000, fsGroup: 3000 },
      volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
      containers: [
        shellContainer('set -- $(ls -lnL /t/token); echo $1 $3 $4 > /dev/termination-log', {
          volumeMounts: [{ name: 'token', mountPath: '/t' }],
        }),
      ],
    });
    expect(await output('private')).toBe('-rw-r----- 1000 3000\n');
    await remove('private');
  });
});

describe('the configuration of a container', () => {
  it('comes from a file that another container has written, and from no other file', async () => {
    const variable = (name: string, path: string) => ({
      name,
      valueFrom: { fileKeyRef: { volumeName: 'v', path, key: name, optional: true } },
    });
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const write = "cd /v; echo A=one > x.env; echo B='two' >> x.env; ln -s /etc/hosts out.env; mkdir dir.env";
    await host.createPod('told', {
      restartPolicy: 'Never',
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [shellContainer(write, { name: 'write', volumeMounts })],
      containers: [
        shellContainer('echo "$A $B [$C$D$E]" > /dev/termination-log', {
          env: [
            variable('A', 'x.env'),
            variable('B', 'x.env'),
            variable('C', 'none.env'),
            variable('D', 'out.env'),
            variable('E', 'dir.env'),
          ],
        }),
      ],
    });
    expect(await output('told')).toBe('one two []\n');
    await remove('told');
  });

  it('comes from objects, and names the one that is missing', async () => {
    const env = [{ name: 'V', valueFrom: { configMapKeyRef: { name: 'env', key: 'v' } } }];
    await host.createPod('refers', {
      restartPolicy: 'Never',
      containers: [shellContainer('echo $V > /dev/termination-log', { env })],
    });
    const pod = await until(
      'refers',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CreateContainerConfigError',
    );
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "env" not found');
    await host.client.create(configmaps, configMap('env', { v: 'value' }));
    expect(await output('refers')).toBe('value\n');
    await remove('refers');
  });

  it.each([
    ['..', "unable to provision SubPath `..`: must not contain '..'"],
    ['/tmp', 'error SubPath `/tmp` must not be an absolute path'],
  ])('is refused when a part of a volume turns out to be %s', async (value, message) => {
    await host.createPod('part', {
      volumes: [{ name: 'work', emptyDir: {} }],
      containers: [
        shellContainer('sleep 60', {
          env: [{ name: 'PART', value }],
          volumeMounts: [{ name: 'work', mountPath: '/w', subPathExpr: '$(PART)' }],
        }),
      ],
    });
    const pod = await until(
      'part',
      ({ status }) => status?.containerStatuses?.[0]?.state?.waiting?.message === message,
    );
    expect(pod.status?.containerStatuses?.[0]?.state?.waiting?.reason).toBe('CreateContainerConfigError');
    await remove('part');
  });
});
