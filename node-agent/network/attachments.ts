import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PortMapping } from '../runtime/runtime.ts';

/** A pod's place in the network, as kept on the run directory's tmpfs: it lives exactly as long as the namespaces do. */
export interface Attachment {
  readonly podUid: string;
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
  /** Name of the link on the node's side. */
  readonly link: string;
  readonly netnsPath: string;
  readonly portMappings: readonly PortMapping[];
}

const lastIpFile = 'last-ip';

/** One file for each attached pod, replaced atomically, so that a killed agent finds every one of them. */
export class AttachmentFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async load(): Promise<{ readonly attachments: Attachment[]; readonly lastIp: string | undefined }> {
    await mkdir(this.#directory, { recursive: true });
    const names = (await readdir(this.#directory)).filter((name) => name.endsWith('.json'));
    const texts = await Promise.all(names.map((name) => readFile(join(this.#directory, name), 'utf8')));
    const last = await readFile(join(this.#directory, lastIpFile), 'utf8').catch(() => '');
    return {
      attachments: texts.map((text) => JSON.parse(text) as Attachment),
      lastIp: last === '' ? undefined : last,
    };
  }

  async save(attachment: Attachment): Promise<void> {
    await this.#replace(`${attachment.podUid}.json`, JSON.stringify(attachment));
    await writeFile(join(this.#directory, lastIpFile), attachment.ip);
  }

  async remove(podUid: string): Promise<void> {
    await rm(join(this.#directory, `${podUid}.json`), { force: true });
  }

  async #replace(name: string, text: string): Promise<void> {
    const path = join(this.#directory, name);
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }
}
