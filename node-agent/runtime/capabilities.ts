/** Every capability of Linux 5.9 and newer, in the kernel's order: the index is the bit. @see capabilities(7) */
export const allCapabilities: readonly string[] = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** What a container has unless its pod says otherwise: containerd's and Docker's set. */
export const defaultCapabilities: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
];

export interface CapabilityRequest {
  readonly privileged: boolean;
  readonly addCapabilities: readonly string[];
  readonly dropCapabilities: readonly string[];
}

/**
 * The capabilities of a container, in the kernel's order, never more than `available` (what the agent itself has):
 * the kernel refuses others and the start would fail.
 */
export function capabilitiesFor(request: CapabilityRequest, available: readonly string[]): string[] {
  if (request.privileged) return [...available];
  const add = request.addCapabilities.map(withPrefix);
  const drop = request.dropCapabilities.map(withPrefix);
  const wanted = new Set(add.includes('CAP_ALL') ? allCapabilities : defaultCapabilities);
  if (drop.includes('CAP_ALL')) wanted.clear();
  for (const name of add) wanted.add(name);
  for (const name of drop) wanted.delete(name);
  return available.filter((name) => wanted.has(name));
}

/** Names of the bits in a mask as `/proc/PID/status` prints it, in hex. */
export function capabilitiesOfMask(hexMask: string): string[] {
  const mask = BigInt(`0x${hexMask}`);
  return allCapabilities.filter((_, bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}

function withPrefix(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}
