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

/** Command lines of what runs in the cluster's cgroups or names its state. */
function processesOf(cluster: string): string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      const groups = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
      if (groups.includes(`/coracle/${cluster}/`) || command.includes(`.cluster-${cluster}/`))
        found.push(command);
    } catch {
      // ENOENT, ESRCH: it ended while we looked.
    }
  }
  return found;
}

const watchedSysctls =
  /^(?:net\.ipv4\.(?:ip_forward|conf\.(?:all|default))|net\.bridge|vm\.overcommit|kernel\.pid_max|fs\.(?:inotify|file-max)|net\.netfilter\.nf_conntrack_(?:max|tcp))/;

/**
 * What a cluster of this name could leave on the machine, sorted. Another cluster beside it does not disturb: its links,
 * groups and processes carry another name, and rules and sysctls of the machine itself belong to no cluster.
 */
export function takeCensus(cluster: string): Readonly<Record<string, readonly string[]>> {
  const named = (line: string): boolean => line.includes(cluster);
  const census = {
    processes: processesOf(cluster),
    links: lines('ip', '-brief', 'link').filter(named),
    routes: lines('ip', 'route', 'show', 'table', 'all').filter(
      (line) => named(line) || line.startsWith('default'),
    ),
    netns: lines('ip', 'netns', 'list').filter(named),
    mounts: readFileSync('/proc/mounts', 'utf8').split('\n').filter(named),
    cgroups: directoriesBelow('/sys/fs/cgroup').filter((path) => path.includes(`/coracle/${cluster}`)),
    nft: lines('nft', 'list', 'ruleset'),
    sysctls: lines('sysctl', '-a', '-e').filter((line) => watchedSysctls.test(line)),
    files: ['/run', '/var/lib', '/var/log', '/etc', '/opt', '/usr/local'].flatMap((directory) =>
      readdirSync(directory).map((name) => join(directory, name)),
    ),
  };
  return Object.fromEntries(Object.entries(census).map(([name, list]) => [name, [...list].sort()]));
}
