/** The floor: one container by conmon and crun alone, as its own shell would start it. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const startedScript = `umount -q /sys/fs/cgroup/unified; exec conmon --cid "$1" --cuuid "$1" --runtime /usr/bin/crun --bundle "$2" --persist-dir "$2" --exit-dir "$2" --container-pidfile "$2/pid" --log-path k8s-file:$2/log --no-sync-log --full-attach --name "$1" --conmon-pidfile "$2/conmon.pid" --runtime-arg --cgroup-manager=cgroupfs`;

/** Milliseconds from spawning conmon to the container's process running. Its root is an empty filesystem with busybox. */
export async function bareContainerMilliseconds(): Promise<number> {
  const bundle = mkdtempSync(join(tmpdir(), 'bare-'));
  const id = `bare${process.pid}${Math.floor(performance.now())}`;
  try {
    prepareBundle(bundle, id);
    const startMs = performance.now();
    const conmon = spawn(
      'unshare',
      ['--mount', '--propagation=private', 'sh', '-c', startedScript, 'sh', id, bundle],
      {
        stdio: ['ignore', 'ignore', 'inherit', 'pipe', 'pipe'],
        env: { ...process.env, _OCI_SYNCPIPE: '3', _OCI_STARTPIPE: '4' },
      },
    );
    const sync = conmon.stdio[3];
    const start = conmon.stdio[4];
    if (sync === null || sync === undefined || start === null || start === undefined || !('write' in start))
      throw new Error('no pipes to conmon');
    start.end('\0');
    const [line] = (await once(sync, 'data', { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { pid: number };
    if (pid <= 0) throw new Error(`conmon: ${line.toString()}`);
    execFileSync('crun', ['start', id]);
    const milliseconds = performance.now() - startMs;
    readFileSync(`/proc/${pid}/stat`);
    return milliseconds;
  } finally {
    execFileSync(
      'unshare',
      [
        '--mount',
        '--propagation=private',
        'sh',
        '-c',
        `umount -q /sys/fs/cgroup/unified; crun --cgroup-manager=cgroupfs delete -f ${id}`,
      ],
      { stdio: 'ignore' },
    );
    const groups = ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', '*/coracle-bench*'];
    execFileSync('find', [...groups, '-exec', 'rmdir', '{}', '+'], { stdio: 'ignore' });
    rmSync(bundle, { recursive: true, force: true });
  }
}

function prepareBundle(bundle: string, id: string): void {
  const rootfs = join(bundle, 'rootfs');
  for (const directory of ['bin', 'proc', 'dev', 'sys', 'tmp'])
    mkdirSync(join(rootfs, directory), { recursive: true });
  execFileSync('cp', ['/bin/busybox', join(rootfs, 'bin/busybox')]);
  const namespaces = ['pid', 'network', 'ipc', 'uts', 'mount'].map((type) => ({ type }));
  const config = {
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/bin/busybox', 'sleep', '1000'],
      env: ['PATH=/bin'],
      cwd: '/',
    },
    root: { path: rootfs },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces, cgroupsPath: `/coracle-bench/${id}` },
  };
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config));
}
