const newline = 0x0a;

/** Cuts a byte stream into lines. What follows the last newline waits for the next chunk. */
export class LineSplitter {
  #rest: Buffer[] = [];

  /** The lines that `chunk` completes, without their newlines and without empty ones. */
  push(chunk: Buffer): string[] {
    const lines: string[] = [];
    let start = 0;
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
      const line = this.#complete(chunk.subarray(start, end));
      if (line !== '') lines.push(line);
      start = end + 1;
    }
    if (start < chunk.length) this.#rest.push(chunk.subarray(start));
    return lines;
  }

  #complete(tail: Buffer): string {
    if (this.#rest.length === 0) return tail.toString();
    const line = Buffer.concat([...this.#rest, tail]).toString();
    this.#rest = [];
    return line;
  }
}
