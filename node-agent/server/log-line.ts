/** One line of a CRI log: `TIME STREAM TAG TEXT`. `P` marks a part of a longer line. */
export interface LogLine {
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  readonly isPartial: boolean;
  readonly text: Buffer;
}

const space = 0x20;

/** @returns undefined for what is no log line, e.g. one cut off by a crash. */
export function parseLogLine(line: Buffer): LogLine | undefined {
  const first = line.indexOf(space);
  const second = line.indexOf(space, first + 1);
  const third = line.indexOf(space, second + 1);
  if (first < 0 || second < 0 || third < 0) return undefined;
  const stream = line.toString('latin1', first + 1, second);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  return {
    time: line.toString('latin1', 0, first),
    stream,
    isPartial: line
      .toString('latin1', second + 1, third)
      .split(':')
      .includes('P'),
    text: line.subarray(third + 1),
  };
}

export interface LogSelection {
  readonly sinceMs: number | undefined;
  readonly timestamps: boolean;
  readonly stream: 'stdout' | 'stderr' | undefined;
}

/** What a reader of the log gets of a line; empty when the line is not selected. */
export function renderLogLine(line: LogLine, selection: LogSelection): Buffer {
  if (selection.stream !== undefined && selection.stream !== line.stream) return Buffer.alloc(0);
  if (selection.sinceMs !== undefined && Date.parse(line.time) < selection.sinceMs) return Buffer.alloc(0);
  const parts = [line.text];
  if (selection.timestamps) parts.unshift(Buffer.from(`${toUtcForm(line.time)} `));
  if (!line.isPartial) parts.push(Buffer.from('\n'));
  return Buffer.concat(parts);
}

/** conmon writes UTC as an offset. */
function toUtcForm(time: string): string {
  return time.endsWith('+00:00') ? `${time.slice(0, -6)}Z` : time;
}
