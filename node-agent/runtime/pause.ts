import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { runCommand } from './command.ts';
import { identifyProcess, type ProcessIdentity } from './live-process.ts';
import type { SandboxNamespaces } from './oci-spec.ts';
import type { OciNamespace, OciSpec } from './oci-types.ts';

export interface PauseOptions {
  readonly id: string;
  readonly bundleDir: string;
  readonly cgroupsPath: string;
  readonly crunPath: string;
  readonly crunRoot: string;
  readonly catatonitPath: string;
  readonly namespaces: Omit<SandboxNamespaces, 'pid'>;
}

/**
 * First process of a PID namespace that a pod's containers share: it reaps orphans and does nothing else. Containers
 * see it as PID 1, so it runs in a root of its own without any capability.
 */
export async function runPause(options: PauseOptions): Promise<ProcessIdentity> {
  const rootfs = `${options.bundleDir}/rootfs`;
  const pidFile = `${options.bundleDir}/pid`;
  await mkdir(`${rootfs}/proc`, { recursive: true });
  await mkdir(`${rootfs}/dev`, { recursive: true });
  await copyFile(options.catatonitPath, `${rootfs}/pause`);
  await writeFile(`${options.bundleDir}/config.json`, JSON.stringify(pauseSpec(options, rootfs)));
  const runArgs = ['run', '--detach', `--bundle=${options.bundleDir}`, `--pid-file=${pidFile}`, options.id];
  // The pause process keeps what crun hands down, so crun's complaints go through a file.
  const logFile = `${options.bundleDir}/log`;
  const globalArgs = [`--root=${options.crunRoot}`, '--cgroup-manager=cgroupfs', `--log=${logFile}`];
  const { exitCode } = await runCommand(options.crunPath, [...globalArgs, ...runArgs], { output: 'none' });
  if (exitCode !== 0) {
    throw new Error(`start the pause process of ${options.id}: ${await readFile(logFile, 'utf8')}`);
  }
  const identity = identifyProcess(Number(await readFile(pidFile, 'utf8')));
  if (identity === undefined) throw new Error(`pause process of sandbox ${options.id} ended at once`);
  return identity;
}

/** Files of the pause process; the process itself went with the pod's cgroup. */
export async function removePause(
  options: Pick<PauseOptions, 'id' | 'bundleDir' | 'crunRoot'>,
): Promise<void> {
  await rm(options.bundleDir, { recursive: true, force: true });
  await rm(`${options.crunRoot}/${options.id}`, { recursive: true, force: true });
}

function pauseSpec(options: PauseOptions, rootfs: string): OciSpec {
  const joined = (['network', 'ipc', 'uts'] as const).flatMap((type): OciNamespace[] => {
    const path = options.namespaces[type];
    return path === undefined ? [] : [{ type, path }];
  });
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 65_535, gid: 65_535, additionalGids: [] },
      args: ['/pause', '-P'],
      env: [],
      cwd: '/',
      capabilities: { bounding: [], effective: [], permitted: [] },
      noNewPrivileges: true,
    },
    root: { path: rootfs, readonly: true },
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
    ],
    linux: {
      namespaces: [{ type: 'mount' }, { type: 'pid' }, ...joined],
      cgroupsPath: options.cgroupsPath,
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}
