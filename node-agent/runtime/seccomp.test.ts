import { describe, expect, it } from 'vitest';
import { toOciSeccomp } from './seccomp.ts';

const profile = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: 38,
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: null },
  ],
  syscalls: [
    { names: ['read'], action: 'SCMP_ACT_ALLOW', args: [], includes: {}, excludes: {} },
    { names: ['arch_prctl'], action: 'SCMP_ACT_ALLOW', includes: { arches: ['amd64'] } },
    { names: ['bpf'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_SYS_ADMIN'] } },
    { names: ['bpf'], action: 'SCMP_ACT_ERRNO', errnoRet: 1, excludes: { caps: ['CAP_SYS_ADMIN'] } },
    {
      names: ['personality'],
      action: 'SCMP_ACT_ALLOW',
      args: [{ index: 0, value: 8, valueTwo: 0, op: 'SCMP_CMP_EQ' }],
    },
  ],
};

describe('toOciSeccomp', () => {
  it('keeps the rules of the architecture and of the capabilities', () => {
    const plain = toOciSeccomp(profile, { capabilities: [], architecture: 'arm64' });
    expect(plain.architectures).toEqual(['SCMP_ARCH_AARCH64']);
    expect(plain.defaultErrnoRet).toBe(38);
    expect(plain.syscalls).toEqual([
      { names: ['read'], action: 'SCMP_ACT_ALLOW' },
      { names: ['bpf'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 },
      { names: ['personality'], action: 'SCMP_ACT_ALLOW', args: profile.syscalls[4]?.args },
    ]);
  });

  it('allows what a capability allows', () => {
    const admin = toOciSeccomp(profile, { capabilities: ['CAP_SYS_ADMIN'], architecture: 'amd64' });
    expect(admin.architectures).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    expect(admin.syscalls.filter((rule) => rule.names.includes('bpf'))).toEqual([
      { names: ['bpf'], action: 'SCMP_ACT_ALLOW' },
    ]);
    expect(admin.syscalls.some((rule) => rule.names.includes('arch_prctl'))).toBe(true);
  });
});
