/** Streams as conmon numbers them in the first byte of a packet. */
export interface AttachPacket {
  readonly stream: 'stdout' | 'stderr';
  readonly content: Buffer;
}

const stderrNumber = 3;
/** Longest line of socat's report: a packet of 8 KiB in hex, and some. */
const maxLineLength = 64 * 1024;

/**
 * Reads conmon's packets from what `socat -x` reports: a line `< DATE length=N ...` for each packet towards us, then
 * its bytes in hex. socat's plain output has no packet borders, and without them the stream numbers cannot be told from
 * content.
 */
export class AttachPacketReader {
  #rest = '';
  #isOurs = false;

  /** Packets that `chunk` completes. @throws Error when this is not socat's report. */
  read(chunk: string): AttachPacket[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > maxLineLength) throw new Error('attach: a line without end');
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): AttachPacket[] {
    if (line.startsWith('<') || line.startsWith('>')) {
      this.#isOurs = line.startsWith('<');
      return [];
    }
    if (!this.#isOurs || !/^( [0-9a-f]{2})+$/.test(line)) return [];
    const bytes = Buffer.from(line.replaceAll(' ', ''), 'hex');
    const stream = bytes[0] === stderrNumber ? 'stderr' : 'stdout';
    return [{ stream, content: bytes.subarray(1) }];
  }
}
