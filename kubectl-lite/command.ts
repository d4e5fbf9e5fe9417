import type { FlagSpec, Flags } from './flags.ts';
import type { Session } from './session.ts';

export interface Invocation {
  readonly flags: Flags;
  readonly args: readonly string[];
  /** What stands after `--`. */
  readonly rest: readonly string[] | undefined;
  readonly session: Session;
}

/** One command. `run` returns the exit code when it is not 0. */
export interface Command {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** After the program's name: `get TYPE [NAME]`. */
  readonly usage: string;
  readonly summary: string;
  readonly flags: readonly FlagSpec[];
  run(invocation: Invocation): Promise<number | undefined>;
}

export const globalFlags: readonly FlagSpec[] = [
  { name: 'kubeconfig', kind: 'text', help: 'Path to the kubeconfig file' },
  { name: 'context', kind: 'text', help: 'The kubeconfig context to use' },
  { name: 'cluster', kind: 'text', help: 'The kubeconfig cluster to use' },
  { name: 'user', kind: 'text', help: 'The kubeconfig user to use' },
  { name: 'namespace', short: 'n', kind: 'text', help: 'The namespace scope of this request' },
  { name: 'request-timeout', kind: 'text', fallback: '0', help: 'How long to wait for one answer' },
  { name: 'help', short: 'h', kind: 'boolean', help: 'Help for this command' },
];

export const fileFlags: readonly FlagSpec[] = [
  { name: 'filename', short: 'f', kind: 'list', help: 'File, directory or - with objects' },
  { name: 'recursive', short: 'R', kind: 'boolean', help: 'Read directories with all below them' },
];

export const selectorFlag: FlagSpec = {
  name: 'selector',
  short: 'l',
  kind: 'text',
  help: 'Label selector: key1=value1,key2 in (a,b)',
};

export const allNamespacesFlag: FlagSpec = {
  name: 'all-namespaces',
  short: 'A',
  kind: 'boolean',
  help: 'Objects of all namespaces',
};

export const outputFlag: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'text',
  help: 'json, yaml, name, wide, jsonpath=..., custom-columns=...',
};

export const dryRunFlag: FlagSpec = {
  name: 'dry-run',
  kind: 'text',
  fallback: 'none',
  bare: 'unchanged',
  help: 'none, client or server',
};
