import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { startTestRuntime, type TestRuntime } from '../support/test-runtime.ts';

describe('the embedded runtime after its agent has ended', () => {
  let host: TestRuntime;

  beforeAll(async () => {
    host = await startTestRuntime();
  });

  afterAll(async () => {
    await host.close();
  });

  async function startContainer(command: readonly string[]): Promise<string> {
    const sandbox = await host.runtime.runPodSandbox(host.aSandbox());
    const id = await host.runtime.createContainer(sandbox.id, host.aContainer(command));
    await host.runtime.startContainer(id);
    return id;
  }

  it('finds sandboxes and containers as they are, and can stop them', async () => {
    const id = await startContainer(['sleep', '1000']);
    const before = await host.runtime.containerStatus(id);
    const sandboxes = await host.runtime.listPodSandboxes();
    await host.restart();
    expect(await host.runtime.containerStatus(id)).toEqual(before);
    expect(await host.runtime.listPodSandboxes()).toEqual(sandboxes);
    expect(String((await host.runtime.execSync(id, ['sh', '-c', 'echo still'], 10_000)).stdout)).toBe(
      'still\n',
    );
    await host.runtime.stopContainer(id, 0);
    expect(await host.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 137 });
  });

  it('reports the exit of a container that ended meanwhile', async () => {
    const id = await startContainer(['sh', '-c', 'while [ ! -e /tmp/go ]; do sleep 0.02; done; exit 9']);
    const pid = (await host.runtime.containerStatus(id))?.pid;
    await host.runtime.execSync(id, ['touch', '/tmp/go'], 10_000);
    await host.restart();
    const exit = eventually(async () => {
      expect(await host.runtime.containerStatus(id)).toMatchObject({ state: 'exited', exitCode: 9 });
    });
    await exit;
    expect(pid).toBeGreaterThan(0);
  });

  it('reports a container as unknown whose conmon was killed before it ended', async () => {
    const id = await startContainer(['sleep', '1000']);
    const pid = (await host.runtime.containerStatus(id))?.pid ?? 0;
    const conmon = Number(readFileSync(`${host.directory}/run/c/${id}/conmon.pid`, 'utf8'));
    process.kill(conmon, 'SIGKILL');
    expect(await host.runtime.containerStatus(id)).toMatchObject({ state: 'running', pid });
    process.kill(pid, 'SIGKILL');
    await eventually(async () => {
      expect(await host.runtime.containerStatus(id)).toMatchObject({
        state: 'exited',
        exitCode: undefined,
        reason: 'ContainerStatusUnknown',
      });
    });
  });

  it('keeps conmon and containers out of the cgroup of the agent', async () => {
    const id = await startContainer(['sleep', '1000']);
    const conmon = Number(readFileSync(`${host.directory}/run/c/${id}/conmon.pid`, 'utf8'));
    expect(readFileSync(`/proc/${conmon}/cgroup`, 'utf8')).toContain(`${host.cgroupRoot}/conmon`);
  });
});
