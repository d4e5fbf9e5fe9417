import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const lines = (file: string, ...args: string[]): string[] =>
  execFileSync(file, args, { encoding: 'utf8', maxBuffer: 64 << 20 })
    .split('\n')
    .filter((line) => line !== '');

function directoriesBelow(directory: string): string[] {
  const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return children.flatMap((entry) => [
    join(directory, entry.name),
    ...directoriesBelow(join(directory, entry.name)),
  ]);
}

/** Command lines of everything that runs, kernel threads and this test's own family left out. */
function processes(): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      if (
        /\b(?:etcd|conmon|crun|catatonit|nsenter|socat|apiserver|node-agent|node-guard|detector|scheduler|controllers|supervise)\b/.test(
          command,
        )
      )
        found.push(command);
    } catch {
      // ENOENT, ESRCH: it ended while we looked.
    }
  }
  return found;
}

/** The machine's state as far as a cluster could change it; each list is sorted. */
export function takeCensus(): Readonly<Record<string, readonly string[]>> {
  const sysctls = lines('sysctl', '-a', '-e').filter((line) =>
    /^(?:net\.ipv4\.(?:ip_forward|conf\.(?:all|default))|net\.bridge|vm\.overcommit|kernel\.pid_max|fs\.(?:inotify|file-max)|net\.netfilter\.nf_conntrack_(?:max|tcp))/.test(
      line,
    ),
  );
  const census = {
    processes: processes(),
    links: lines('ip', '-brief', 'link').map((line) => line.split(/[\s@]/)[0] ?? ''),
    routes: lines('ip', 'route', 'show', 'table', 'all'),
    netns: lines('ip', 'netns', 'list'),
    mounts: readFileSync('/proc/mounts', 'utf8').split('\n'),
    cgroups: directoriesBelow('/sys/fs/cgroup').filter((path) => path.includes('coracle')),
    nft: lines('nft', 'list', 'ruleset'),
    sysctls,
    files: ['/run', '/var/lib', '/var/log', '/etc', '/tmp', '/opt', '/usr/local']
      .flatMap((directory) => readdirSync(directory).map((name) => join(directory, name)))
      .filter((path) => !/vitest|node-compile-cache/.test(path)),
  };
  return Object.fromEntries(Object.entries(census).map(([name, list]) => [name, [...list].sort()]));
}
