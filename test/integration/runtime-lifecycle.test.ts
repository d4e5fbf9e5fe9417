import { existsSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerStatus, PodSandboxConfig } from '../../node-agent/runtime/runtime.ts';
import { eventually } from '../support/eventually.ts';
import { startTestRuntime, type TestRuntime } from '../support/test-runtime.ts';

describe('the embedded runtime', () => {
  let host: TestRuntime;

  beforeAll(async () => {
    host = await startTestRuntime();
  });

  afterAll(async () => {
    await host.close();
  });

  async function started(
    command: readonly string[],
    overrides: Parameters<TestRuntime['aContainer']>[1] = {},
    sandboxOverrides: Partial<PodSandboxConfig> = {},
  ): Promise<{ readonly id: string; readonly sandboxId: string; readonly log: () => string }> {
    const config = host.aSandbox(sandboxOverrides);
    const sandbox = await host.runtime.runPodSandbox(config);
    const container = host.aContainer(command, overrides);
    const id = await host.runtime.createContainer(sandbox.id, container);
    await host.runtime.startContainer(id);
    const file = `${config.logDirectory}/${container.logPath}`;
    return { id, sandboxId: sandbox.id, log: () => plainLog(readFileSync(file, 'utf8')) };
  }

  async function ended(id: string): Promise<ContainerStatus> {
    return eventually(async () => {
      const status = await host.runtime.containerStatus(id);
      expect(status?.state).toBe('exited');
      if (status === undefined) throw new Error('no status');
      return status;
    });
  }

  it('runs a command to its end and reports its exit code, its times and its output', async () => {
    const { id, log } = await started(['sh', '-c', 'echo out; echo err >&2; exit 3']);
    const status = await ended(id);
    expect(status).toMatchObject({ exitCode: 3, reason: 'Error', pid: undefined });
    expect(status.finishedAtMs).toBeGreaterThanOrEqual((status.startedAtMs ?? 0) - 1000);
    expect(log().split('\n').filter(Boolean).sort()).toEqual(['err', 'out']);
  });

  it('gives host name, hosts, resolv.conf, environment and the working directory', async () => {
    const { id, log } = await started(
      ['sh', '-c', 'cat /proc/sys/kernel/hostname /etc/hosts /etc/resolv.conf; pwd; echo $FRUIT'],
      { env: [{ name: 'FRUIT', value: 'pear' }], workingDir: '/tmp' },
    );
    await ended(id);
    expect(log()).toContain('10.88.0.9\tpod');
    expect(log()).toContain(
      'nameserver 10.96.0.10\nsearch default.svc.cluster.local\noptions ndots:5\n/tmp\npear',
    );
  });

  it('confines: default capabilities, seccomp on, masked paths, no new devices, its own processes only', async () => {
    const { id, log } = await started([
      'sh',
      '-c',
      'head -60 /proc/self/status | while read k v; do case $k in CapEff:|Seccomp:) echo $k $v;; esac; done; ' +
        'ls /proc/acpi /sys/firmware; echo $$; dd if=/dev/zero of=/proc/sys/kernel/hostname count=1 2>/dev/null || echo ro',
    ]);
    await ended(id);
    expect(log()).toContain('CapEff: 00000000a80425fb');
    expect(log()).toContain('Seccomp: 2');
    expect(log()).toMatch(/^1$/m);
    expect(log()).toContain('ro');
  });

  it('runs as the user of the pod or of the image, by number or name', async () => {
    const security = host.aContainer([]).security;
    const { id, log } = await started(['id'], {
      security: { ...security, runAsUser: 1000, supplementalGroups: [77] },
    });
    await ended(id);
    expect(log()).toContain('uid=1000(web) gid=1001(web) groups=1001(web),77,1500(extra)');
  });

  it('keeps the root read-only when told', async () => {
    const security = { ...host.aContainer([]).security, readOnlyRootFilesystem: true };
    const { id } = await started(['touch', '/file'], { security });
    expect(await ended(id)).toMatchObject({ exitCode: 1 });
  });

  it('refuses a command that the image does not have, and says so', async () => {
    const sandbox = await host.runtime.runPodSandbox(host.aSandbox());
    const id = await host.runtime.createContainer(sandbox.id, host.aContainer(['no-such-program']));
    await expect(host.runtime.startContainer(id)).rejects.toMatchObject({ code: 'CONTAINER_CREATE' });
    const status = await host.runtime.containerStatus(id);
    expect(status).toMatchObject({ state: 'exited', exitCode: 128, reason: 'StartError' });
    expect(status?.message).toContain('no-such-program');
  });

  it('stops with TERM, and with KILL after the grace period', async () => {
    const polite = await started([
      'sh',
      '-c',
      "trap 'exit 7' TERM; echo up; while true; do sleep 0.05; done",
    ]);
    // The first process of a namespace does not see a TERM that comes before its trap.
    await eventually(() => expect(polite.log()).toContain('up'));
    await host.runtime.stopContainer(polite.id, 10_000);
    expect(await ended(polite.id)).toMatchObject({ exitCode: 7 });
    const stubborn = await started(['sh', '-c', "trap '' TERM; while true; do sleep 0.05; done"]);
    await host.runtime.stopContainer(stubborn.id, 200);
    expect(await ended(stubborn.id)).toMatchObject({ exitCode: 137 });
  });

  it('reports a container that used more memory than its limit as OOMKilled', async () => {
    const hog = 'head -c 200000000 /dev/zero | tail';
    const { id } = await started(['sh', '-c', `${hog}; exit 1`], {
      resources: { memoryLimitBytes: 32 * 1024 * 1024 },
    });
    expect(await ended(id)).toMatchObject({ reason: 'OOMKilled' });
  });

  it('tells what a container and its pod use', async () => {
    const { id, sandboxId } = await started(['sleep', '1000']);
    expect(await host.runtime.containerStats(id)).toMatchObject({ pids: 1 });
    expect((await host.runtime.podStats(sandboxId))?.memoryUsageBytes).toBeGreaterThan(0);
  });

  it('shares the process namespace of a pod when told, with a first process that is no container', async () => {
    const { id, log } = await started(
      ['sh', '-c', 'cat /proc/1/comm; echo $$'],
      {},
      { shareProcessNamespace: true },
    );
    await ended(id);
    expect(log()).toContain('pause');
    expect(log()).not.toMatch(/^1$/m);
  });

  it('shares /dev/shm between the containers of a pod', async () => {
    const { id, sandboxId } = await started(['sh', '-c', 'echo shared > /dev/shm/note']);
    await ended(id);
    const reader = host.aContainer(['cat', '/dev/shm/note'], { name: 'reader', logPath: 'reader/0.log' });
    const second = await host.runtime.createContainer(sandboxId, reader);
    await host.runtime.startContainer(second);
    expect(await ended(second)).toMatchObject({ exitCode: 0 });
  });

  it('leaves nothing of a removed pod', async () => {
    const config = host.aSandbox();
    const sandbox = await host.runtime.runPodSandbox(config);
    const id = await host.runtime.createContainer(sandbox.id, host.aContainer(['sleep', '1000']));
    await host.runtime.startContainer(id);
    const pid = (await host.runtime.containerStatus(id))?.pid;
    await host.runtime.removePodSandbox(sandbox.id);
    expect(existsSync(`/proc/${pid}/exe`)).toBe(false);
    expect(await host.runtime.containerStatus(id)).toBeUndefined();
    expect(host.attached.has(config.pod.uid)).toBe(false);
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
    expect(mounts).not.toContain(id);
    expect(mounts).not.toContain(sandbox.id);
    for (const path of [
      `root/containers/${id}`,
      `run/c/${id}`,
      `run/crun/${id}`,
      `root/sandboxes/${sandbox.id}`,
    ]) {
      expect(existsSync(`${host.directory}/${path}`)).toBe(false);
    }
    await host.runtime.removePodSandbox(sandbox.id);
  });
});

/** The text of a log in the CRI's format. */
function plainLog(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split(' ').slice(3).join(' '))
    .join('\n');
}
