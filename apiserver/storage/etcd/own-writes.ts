/**
 * The writes of this process that are under way, until the watch brings them back. What comes back need not be
 * unpacked and parsed again: the bytes that the writer was answered with and the object that they were made of are
 * those of the event. Found by the write id in the envelope; what is forgotten is merely read anew.
 */
import { randomBytes } from 'node:crypto';
import type { AnyObject } from '../../../api/kind-info.ts';
import { spliceVersion, type VersionlessJson, writeIdBytes } from '../envelope.ts';
import type { IndexChanges } from '../storage.ts';

const processBytes = writeIdBytes - 4;
/** Writes remembered: those under way, a thousand in one request, and a watch that lags by half a second of busy writing. */
const rememberedWrites = 4_096;

/** What the watch cache is to know beside the bytes: the object, or which version is indexed as it is. */
export type OwnContent =
  | { readonly object: AnyObject }
  | { readonly base: number; readonly changes: IndexChanges | undefined };

interface OwnWrite {
  /** Until the watch has it. */
  content: OwnContent | undefined;
  readonly source: VersionlessJson;
  version: number;
  /** Wire JSON under `version`, from when the first of the two asks for it. */
  json: Buffer | undefined;
}

export class OwnWrites {
  readonly #process: Buffer = randomBytes(processBytes);
  readonly #writes = new Map<number, OwnWrite>();
  #count = 0;

  /** A name that no other write has: 64 random bits of this process and a count. */
  begin(content: OwnContent, source: VersionlessJson): Buffer {
    const id = Buffer.allocUnsafe(writeIdBytes);
    this.#process.copy(id);
    id.writeUInt32BE(this.#count, processBytes);
    this.#writes.set(this.#count, { content, source, version: 0, json: undefined });
    this.#count = (this.#count + 1) >>> 0;
    if (this.#writes.size > rememberedWrites) this.#forgetOldest();
    return id;
  }

  /** Nothing was written, or nobody can tell. */
  forget(writeId: Buffer): void {
    this.#writes.delete(writeId.readUInt32BE(processBytes));
  }

  /** Wire JSON for the writer: that of the event, if the watch was faster. */
  answer(writeId: Buffer, source: VersionlessJson, version: number): Buffer {
    const write = this.#find(writeId);
    if (write === undefined) return spliceVersion(source, version);
    // The watch has had it: the two are done.
    if (write.content === undefined) this.forget(writeId);
    return jsonOf(write, version);
  }

  /** What the watch brings, if this process wrote it. */
  event(writeId: Buffer, version: number): ({ readonly json: Buffer } & OwnContent) | undefined {
    const write = this.#find(writeId);
    if (write?.content === undefined) return undefined;
    const { content } = write;
    write.content = undefined;
    if (write.json !== undefined) this.forget(writeId);
    return { json: jsonOf(write, version), ...content };
  }

  #find(writeId: Buffer): OwnWrite | undefined {
    if (writeId.compare(this.#process, 0, processBytes, 0, processBytes) !== 0) return undefined;
    return this.#writes.get(writeId.readUInt32BE(processBytes));
  }

  #forgetOldest(): void {
    const [oldest] = this.#writes.keys();
    if (oldest !== undefined) this.#writes.delete(oldest);
  }
}

function jsonOf(write: OwnWrite, version: number): Buffer {
  if (write.json === undefined || write.version !== version) {
    write.json = spliceVersion(write.source, version);
    write.version = version;
  }
  return write.json;
}
