import { readFileSync } from 'node:fs';
import { mustRun } from './command.ts';

/** mount(2) takes one page of options. */
const maxMountDataBytes = 4095;

/** A container's root: shared read-only layers (the topmost first) under a directory of its own. */
export interface OverlayMount {
  readonly layerDirs: readonly string[];
  readonly upperDir: string;
  readonly workDir: string;
  readonly target: string;
}

/**
 * `volatile`: nothing is synced to disk for a container's writable layer, which does not outlive its container.
 * @throws Error when the paths do not fit into one page.
 * @see https://docs.kernel.org/filesystems/overlayfs.html
 */
export function overlayOptions(mount: OverlayMount): string {
  return withinOnePage(mount.layerDirs, [
    `upperdir=${mount.upperDir}`,
    `workdir=${mount.workDir}`,
    'volatile',
  ]);
}

function withinOnePage(layerDirs: readonly string[], more: readonly string[]): string {
  const options = [`lowerdir=${layerDirs.join(':')}`, ...more].join(',');
  if (Buffer.byteLength(options) > maxMountDataBytes)
    throw new Error(`overlay of ${layerDirs.length} layers needs ${options.length} bytes of mount options`);
  return options;
}

export async function mountOverlay(mount: OverlayMount): Promise<void> {
  await mustRun('mount', ['-i', '-t', 'overlay', 'overlay', '-o', overlayOptions(mount), mount.target]);
}

/** Layers, the topmost first, that nobody writes on: two of them at least. Nothing in them is run. */
export async function mountReadOnlyOverlay(layerDirs: readonly string[], target: string): Promise<void> {
  const options = withinOnePage(layerDirs, ['ro', 'noexec']);
  await mustRun('mount', ['-i', '-t', 'overlay', 'overlay', '-o', options, target]);
}

/** Unmounts all of them with one process. Those that are not mounted are left out. */
export async function unmountAll(targets: readonly string[]): Promise<void> {
  const mounted = mountPoints();
  const present = targets.filter((target) => mounted.has(target));
  if (present.length > 0) await mustRun('umount', ['-l', ...present]);
}

/** Mount points of this mount namespace. @see proc_pid_mountinfo(5), field 5, in which blanks are octal. */
export function mountPoints(): Set<string> {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return new Set(
    lines.map((line) =>
      (line.split(' ')[4] ?? '').replace(/\\(\d{3})/g, (_, octal: string) =>
        String.fromCharCode(Number.parseInt(octal, 8)),
      ),
    ),
  );
}
