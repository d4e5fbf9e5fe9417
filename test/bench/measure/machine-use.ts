import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second. */
const msPerTick = 10;

/** What the machine did since this was made: what others take of it, no figure says by itself. */
export class MachineUse {
  readonly #before = ticks();

  /** @param ownMs CPU time of the programs that are measured */
  othersPercent(ownMs: number): number {
    const after = ticks();
    const busyMs = (after.busy - this.#before.busy) * msPerTick;
    const allMs = (after.all - this.#before.all) * msPerTick;
    return allMs === 0 ? 0 : Math.max(0, (100 * (busyMs - ownMs)) / allMs);
  }
}

/** @see proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal */
function ticks(): { readonly busy: number; readonly all: number } {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n');
  const fields = line.trim().split(/\s+/).slice(1, 9).map(Number);
  const all = fields.reduce((total, each) => total + each, 0);
  const [, , , idle = 0, waiting = 0] = fields;
  return { busy: all - idle - waiting, all };
}
