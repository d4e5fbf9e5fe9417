/**
 * Turns a seccomp profile in Docker's form, in which rules are conditional on architecture and capabilities, into the
 * `linux.seccomp` of the OCI runtime specification, which has no conditions.
 *
 * @see https://github.com/opencontainers/runtime-spec/blob/main/config-linux.md#seccomp
 */
export interface SeccompArgument {
  readonly index: number;
  readonly value: number;
  readonly valueTwo?: number;
  readonly op: string;
}

interface RuleCondition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  readonly minKernel?: string;
}

interface ProfileRule {
  readonly names?: readonly string[];
  readonly name?: string;
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly SeccompArgument[] | null;
  readonly includes?: RuleCondition;
  readonly excludes?: RuleCondition;
}

export interface SeccompProfile {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly syscalls: readonly ProfileRule[];
}

export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures: readonly string[];
  readonly syscalls: readonly {
    readonly names: readonly string[];
    readonly action: string;
    readonly errnoRet?: number;
    readonly args?: readonly SeccompArgument[];
  }[];
}

export type CpuArchitecture = 'amd64' | 'arm64';

const nativeArchitecture = { amd64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' } as const;

export function toOciSeccomp(
  profile: SeccompProfile,
  container: { readonly capabilities: readonly string[]; readonly architecture: CpuArchitecture },
): OciSeccomp {
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: architecturesOf(profile, container.architecture),
    syscalls: profile.syscalls
      .filter((rule) => applies(rule, container))
      .map((rule) => ({
        names: rule.names ?? (rule.name === undefined ? [] : [rule.name]),
        action: rule.action,
        ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
        ...(rule.args === undefined || rule.args === null || rule.args.length === 0
          ? {}
          : { args: rule.args }),
      }))
      .filter((rule) => rule.names.length > 0),
  };
}

function architecturesOf(profile: SeccompProfile, architecture: CpuArchitecture): readonly string[] {
  const native = nativeArchitecture[architecture];
  const mapped = profile.archMap?.find((entry) => entry.architecture === native);
  if (mapped !== undefined) return [native, ...(mapped.subArchitectures ?? [])];
  return profile.architectures ?? [native];
}

function applies(
  rule: ProfileRule,
  container: { readonly capabilities: readonly string[]; readonly architecture: CpuArchitecture },
): boolean {
  const has = (name: string): boolean => container.capabilities.includes(name);
  const includes = rule.includes ?? {};
  const excludes = rule.excludes ?? {};
  if (isGiven(includes.arches) && !includes.arches.includes(container.architecture)) return false;
  if (isGiven(includes.caps) && !includes.caps.every(has)) return false;
  if (isGiven(excludes.arches) && excludes.arches.includes(container.architecture)) return false;
  return !(isGiven(excludes.caps) && excludes.caps.some(has));
}

function isGiven(list: readonly string[] | undefined): list is readonly string[] {
  return list !== undefined && list.length > 0;
}
