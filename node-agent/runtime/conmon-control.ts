import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/** Messages of conmon's control fifo, one line each. @see conmon, `ctrl.c` */
const resizeMessage = 1;
const reopenMessage = 2;

/** Makes conmon open the log file by its name again, after rotation. */
export function reopenLog(bundleDir: string): Promise<void> {
  return writeControl(bundleDir, `${reopenMessage} 0 0\n`);
}

export function resizeTerminal(bundleDir: string, rows: number, columns: number): Promise<void> {
  return writeControl(bundleDir, `${resizeMessage} ${rows} ${columns}\n`);
}

/** O_NONBLOCK: with no conmon at the other end the open fails with ENXIO instead of waiting for ever. */
async function writeControl(bundleDir: string, line: string): Promise<void> {
  const file = await open(`${bundleDir}/ctl`, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    await file.write(line);
  } finally {
    await file.close();
  }
}
