const never = new Int32Array(new SharedArrayBuffer(4));

/** Stands still for `ms`: nothing else runs in this process meanwhile. @see controllers/detector/rests.ts for why one would */
export function blockFor(ms: number): void {
  Atomics.wait(never, 0, 0, ms);
}
