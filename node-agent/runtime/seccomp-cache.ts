/**
 * Compiled seccomp filters. crun compiles a profile anew for each container, 35-50 ms of CPU for the default one, more
 * than all the rest of a start. It leaves the program in the container's state directory (for `crun exec`), and takes a
 * ready one from an annotation: so each profile is compiled once per node, by its first container.
 *
 * The name of a program is the digest of the profile it was compiled from and of the crun that did so.
 *
 * @see crun(1), "run.oci.seccomp_bpf_data"
 */
import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rename } from 'node:fs/promises';
import { codeOf } from '../../base/invariant.ts';
import { secretHex } from '../../base/random.ts';
import type { OciSpec } from './oci-types.ts';

const programAnnotation = 'run.oci.seccomp_bpf_data';
/** The kernel's struct sock_filter. */
const instructionBytes = 8;

export class SeccompCache {
  readonly #directory: string;
  readonly #crunVersion: string;
  readonly #programs = new Map<string, string>();

  constructor(directory: string, crunVersion: string) {
    this.#directory = directory;
    this.#crunVersion = crunVersion;
  }

  /** The spec with its filter ready made, when it has been compiled before. */
  async withProgram(spec: OciSpec): Promise<OciSpec> {
    const name = this.#nameOf(spec);
    if (name === undefined) return spec;
    const program = this.#programs.get(name) ?? (await this.#read(name));
    if (program === undefined) return spec;
    this.#programs.set(name, program);
    return { ...spec, annotations: { ...spec.annotations, [programAnnotation]: program } };
  }

  /** Keeps what crun compiled for this spec's container, unless it is known. */
  async learn(spec: OciSpec, compiledFile: string): Promise<void> {
    const name = this.#nameOf(spec);
    if (name === undefined || this.#programs.has(name)) return;
    const target = `${this.#directory}/${name}`;
    try {
      await mkdir(this.#directory, { recursive: true });
      const partial = `${target}.${secretHex(4)}`;
      await copyFile(compiledFile, partial);
      await rename(partial, target);
    } catch (error) {
      // ENOENT: this crun does not leave its program behind; then it goes on compiling.
      if (codeOf(error) !== 'ENOENT') throw error;
    }
  }

  #nameOf(spec: OciSpec): string | undefined {
    const { seccomp } = spec.linux;
    if (seccomp === undefined) return undefined;
    const source = `${this.#crunVersion} ${JSON.stringify(seccomp)}`;
    return createHash('sha256').update(source).digest('hex').slice(0, 32);
  }

  async #read(name: string): Promise<string | undefined> {
    try {
      const program = await readFile(`${this.#directory}/${name}`);
      const isWhole = program.length > 0 && program.length % instructionBytes === 0;
      return isWhole ? program.toString('base64') : undefined;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }
}
