import type { ProcessUser } from './image-user.ts';
import type { OciProcess } from './oci-types.ts';
import type { ImageProcessConfig } from './runnable-image.ts';
import type { ContainerConfig } from './runtime.ts';

const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Neither the pod nor the image says what to run. Code `NO_COMMAND`. */
export class NoCommandError extends Error {
  readonly code = 'NO_COMMAND';
}

export interface ProcessInput {
  readonly config: ContainerConfig;
  readonly image: ImageProcessConfig;
  readonly hostname: string;
  readonly user: ProcessUser;
  readonly capabilities: readonly string[];
  readonly oomScoreAdj: number | undefined;
}

/** The `process` object of a container: what runs, as whom, with what. */
export function toOciProcess(input: ProcessInput): OciProcess {
  const { config, image, capabilities } = input;
  return {
    terminal: config.tty,
    user: input.user,
    args: argsOf(config, image),
    env: environmentOf(config, image, input.hostname),
    cwd: config.workingDir || image.workingDir || '/',
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    noNewPrivileges: config.security.noNewPrivileges,
    ...(input.oomScoreAdj === undefined ? {} : { oomScoreAdj: input.oomScoreAdj }),
  };
}

/** `command` replaces ENTRYPOINT and drops CMD; `args` replaces CMD. @throws NoCommandError when nothing is left. */
export function argsOf(
  config: Pick<ContainerConfig, 'command' | 'args'>,
  image: Pick<ImageProcessConfig, 'entrypoint' | 'cmd'>,
): string[] {
  const entrypoint = config.command.length > 0 ? config.command : image.entrypoint;
  const imageArgs = config.command.length > 0 ? [] : image.cmd;
  const all = [...entrypoint, ...(config.args.length > 0 ? config.args : imageArgs)];
  if (all.length === 0) throw new NoCommandError('no command specified');
  return all;
}

/** The image's environment with the pod's over it, each name once, in order of first appearance. */
export function environmentOf(
  config: Pick<ContainerConfig, 'env' | 'tty'>,
  image: Pick<ImageProcessConfig, 'env'>,
  hostname: string,
): string[] {
  const byName = new Map<string, string>();
  const base = [defaultPath, ...(config.tty ? ['TERM=xterm'] : []), `HOSTNAME=${hostname}`, ...image.env];
  for (const entry of base) byName.set(entry.split('=', 1)[0] ?? '', entry);
  for (const { name, value } of config.env) byName.set(name, `${name}=${value}`);
  return [...byName.values()];
}
