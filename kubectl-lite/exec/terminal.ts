/** Puts the terminal into raw mode, and gives back how to undo it. Nothing when standard input is none. */
export function rawTerminal(): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => undefined;
  stdin.setRawMode(true);
  return () => {
    stdin.setRawMode(false);
    stdin.pause();
  };
}

export function isTerminal(): boolean {
  return process.stdin.isTTY === true;
}

/** Tells the size now and whenever it changes. @returns ends it */
export function followTerminalSize(tell: (columns: number, rows: number) => void): () => void {
  const { stdout } = process;
  if (!stdout.isTTY) return () => undefined;
  const onResize = (): void => tell(stdout.columns, stdout.rows);
  onResize();
  stdout.on('resize', onResize);
  return () => stdout.off('resize', onResize);
}

const resumeBelowBytes = 64 * 1024;

/** Sends standard input on, no faster than it is taken. @returns ends it */
export function followStdin(options: {
  readonly send: (bytes: Buffer) => void;
  readonly end: () => void;
  readonly queuedBytes: () => number;
  readonly soon: (run: () => void) => void;
}): () => void {
  const { stdin } = process;
  const resumeWhenSent = (): void => {
    if (options.queuedBytes() < resumeBelowBytes) stdin.resume();
    else options.soon(resumeWhenSent);
  };
  const onData = (bytes: Buffer): void => {
    options.send(bytes);
    if (options.queuedBytes() < resumeBelowBytes) return;
    stdin.pause();
    options.soon(resumeWhenSent);
  };
  stdin.on('data', onData);
  stdin.once('end', options.end);
  return () => {
    stdin.off('data', onData);
    stdin.off('end', options.end);
    stdin.pause();
  };
}
