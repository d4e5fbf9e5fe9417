import { describe, expect, it } from 'vitest';
import { AttachPacketReader } from './attach-packets.ts';
import { allCapabilities, capabilitiesFor, capabilitiesOfMask, defaultCapabilities } from './capabilities.ts';
import { cpuWeightOf } from './cgroup-v2.ts';
import { conmonArguments, parseSyncLine } from './conmon.ts';
import { withEnd } from './container-record.ts';
import { deviceNumbers } from './host-facts.ts';
import { setUpScript } from './namespaces.ts';
import { overlayOptions } from './overlay.ts';
import { hostsFileOf, resolvConfOf } from './sandbox-files.ts';
import { commandExitCode, execScript, leftOutput } from './terminal-exec.ts';

describe('capabilities', () => {
  const request = { privileged: false, addCapabilities: [], dropCapabilities: [] };

  it('adds, drops and takes ALL, never beyond what there is', () => {
    const all = allCapabilities;
    expect(capabilitiesFor(request, all).sort()).toEqual([...defaultCapabilities].sort());
    expect(
      capabilitiesFor({ ...request, dropCapabilities: ['ALL'], addCapabilities: ['net_admin'] }, all),
    ).toEqual(['CAP_NET_ADMIN']);
    expect(
      capabilitiesFor({ ...request, addCapabilities: ['ALL'], dropCapabilities: ['KILL'] }, all),
    ).toHaveLength(40);
    expect(capabilitiesFor({ ...request, privileged: true }, ['CAP_KILL'])).toEqual(['CAP_KILL']);
    expect(capabilitiesFor({ ...request, addCapabilities: ['SYS_RESOURCE'] }, ['CAP_KILL'])).toEqual([
      'CAP_KILL',
    ]);
  });

  it('reads the mask of the kernel', () => {
    expect(capabilitiesOfMask('0000000000000021')).toEqual(['CAP_CHOWN', 'CAP_KILL']);
    expect(capabilitiesOfMask('000001ffffffffff')).toEqual(allCapabilities);
  });
});

describe('files of a sandbox', () => {
  it('writes resolv.conf', () => {
    expect(resolvConfOf({ servers: ['10.96.0.10'], searches: ['a', 'b'], options: ['ndots:5'] })).toBe(
      'nameserver 10.96.0.10\nsearch a b\noptions ndots:5\n',
    );
    expect(resolvConfOf({ servers: [], searches: [], options: [] })).toBe('');
  });

  it('writes hosts with the pod’s names and aliases', () => {
    const config = {
      hostNetwork: false,
      hostname: 'web-0',
      fullyQualifiedName: 'web-0.web.default.svc.cluster.local',
      hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
    };
    const text = hostsFileOf(config, ['10.0.0.5'], '');
    expect(text).toContain('10.0.0.5\tweb-0.web.default.svc.cluster.local\tweb-0\n');
    expect(text.endsWith('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n')).toBe(true);
    const onHost = hostsFileOf(
      { ...config, hostNetwork: true, hostAliases: [] },
      [],
      '127.0.0.1 localhost\n',
    );
    expect(onHost).toBe('# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n');
  });

  it('passes values to the set-up as arguments', () => {
    const config = {
      hostname: 'a; reboot',
      hostNetwork: false,
      hostIpc: false,
      sysctls: { 'net.core.somaxconn': '9' },
    };
    const { script, values } = setUpScript(config, '/shm');
    expect(script).not.toContain('reboot');
    expect(values.slice(0, 2)).toEqual(['kernel/hostname', 'a; reboot']);
    expect(values.slice(-3)).toEqual(['net/core/somaxconn', '9', '/shm']);
    const climbing = { ...config, sysctls: { 'net...etc': '1' } };
    const slashed = setUpScript({ ...config, sysctls: { 'net/ipv4/conf/eth0.1/forwarding': '1' } }, '/shm');
    expect(slashed.values).toContain('net/ipv4/conf/eth0.1/forwarding');
    expect(() => setUpScript(climbing, '/shm')).toThrow('sysctl');
  });
});

describe('conmon', () => {
  it('reads its report', () => {
    expect(parseSyncLine('{"pid":42}')).toBe(42);
    const failure =
      '{"pid":-1,"message":"2026-01-01T00:00:00.1Z: executable file `x` not found in $PATH\\n"}';
    expect(() => parseSyncLine(failure)).toThrow(/^executable file `x` not found in \$PATH$/);
    expect(() => parseSyncLine('')).toThrow('conmon ended without a report');
  });

  it('is told about a terminal and input only where there are', () => {
    const options = {
      crunPath: '/c',
      crunRoot: '/r',
      containerId: 'i',
      name: 'n',
      bundleDir: '/b',
      exitDir: '/e',
      logFile: '/l',
      leaveStdinOpen: false,
    };
    expect(conmonArguments({ ...options, tty: false, stdin: false })).not.toContain('--terminal');
    expect(conmonArguments({ ...options, tty: true, stdin: true })).toEqual(
      expect.arrayContaining(['--terminal', '--stdin']),
    );
  });

  it('has its packets told apart, however the report is cut', () => {
    const report =
      '> 2026/01/01 length=2 from=0 to=1\n 61 0a\n< 2026/01/01 length=3\n 02 68 69\n< x length=2\n 03 21\n';
    const packets = [];
    const reader = new AttachPacketReader();
    for (const character of report) packets.push(...reader.read(character));
    expect(packets.map(({ stream, content }) => [stream, String(content)])).toEqual([
      ['stdout', 'hi'],
      ['stderr', '!'],
    ]);
  });
});

describe('how a container ended', () => {
  const record = { message: undefined } as Parameters<typeof withEnd>[0];

  it.each([
    [{ exitCode: 0, oomKilled: false }, 'Completed'],
    [{ exitCode: 1, oomKilled: false }, 'Error'],
    [{ exitCode: 137, oomKilled: true }, 'OOMKilled'],
    [{ exitCode: undefined, oomKilled: false }, 'ContainerStatusUnknown'],
  ])('%j is %s', (end, reason) => {
    expect(withEnd(record, { ...end, finishedAtMs: 5 })).toMatchObject({
      state: 'exited',
      reason,
      finishedAtMs: 5,
    });
  });
});

describe('kernel forms', () => {
  it('converts shares into weights', () => {
    expect([2, 1024, 262_144, 1].map(cpuWeightOf)).toEqual([1, 39, 10_000, 1]);
  });

  it('takes device numbers apart', () => {
    expect(deviceNumbers(0x103)).toEqual({ major: 1, minor: 3 });
    expect(deviceNumbers(0xfd00 + 0x100000 * 2)).toEqual({ major: 253, minor: 512 });
  });

  it('refuses an overlay whose paths do not fit into a page', () => {
    const mount = { upperDir: '/u', workDir: '/w', target: '/t' };
    expect(overlayOptions({ ...mount, layerDirs: ['/b', '/a'] })).toBe(
      'lowerdir=/b:/a,upperdir=/u,workdir=/w,volatile',
    );
    const many = Array.from({ length: 200 }, (_, index) => `/var/lib/coracle/layers/${index}`);
    expect(() => overlayOptions({ ...mount, layerDirs: many })).toThrow('200 layers');
  });

  it('lets nothing into the script of a terminal that means something to a shell', () => {
    expect(execScript(['/usr/bin/crun', '--root=/run/x'])).toBe(
      '/usr/bin/crun --root=/run/x 3>&-\necho $? >&3\n',
    );
    expect(() => execScript(['a,b'])).toThrow('argument');
    expect(commandExitCode('6\n')).toBe(6);
    expect(commandExitCode('')).toBe(137);
  });

  it('takes what a command said last out of the report of its runtime', () => {
    const time = '2026-11-22T05:32:41.477201Z: ';
    const report = `${time}one\r\ntw\n${time}o\r\n\n2026/11/22 05:32:41 socat[7] W waitpid()\n`;
    expect(leftOutput(report)).toBe('one\r\ntwo\r\n');
    expect(leftOutput('43 132\r\n\n')).toBe('43 132\r\n');
    expect(leftOutput('')).toBe('');
  });
});
