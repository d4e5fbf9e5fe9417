/**
 * How Node runs a program.
 *
 * scheduler: it reads all pods when it starts. With a larger young generation the garbage of that, 150,000 pods of 2 KB,
 * stays in the process (480 MB instead of 370).
 *
 * apiserver: a full young generation of Node's size takes 20-30 ms to collect, a small one 4-6. One thread besides the
 * main one collects garbage: Node's four take the main thread's share of the processor when there is less of it than of
 * them. What is called once a request is optimised to the utmost after 30,000 requests instead of 3,000: its code is
 * broad and flat, Turbofan makes little of it faster than Maglev has, and it took a sixth of the CPU of the first 10,000
 * creates. Most of its memory lies outside of V8's heap: connections, and objects as bytes. By itself V8 collects all garbage
 * whenever 64 MB more lie there, which with 5,000 connections was every 1.5 s and half of the server's CPU; now it does when the
 * heap, or all of it together, has grown by a half.
 */
const smallYoungGeneration = '--max-semi-space-size=8';
const ofPrograms: Readonly<Record<string, readonly string[]>> = {
  apiserver: [
    ...[smallYoungGeneration, '--v8-pool-size=1', '--invocation-count-for-turbofan=30000'],
    ...['--external-memory-accounted-in-global-limit', '--heap-growing-percent=50'],
  ],
  scheduler: [smallYoungGeneration],
};

export const nodeOptionsOf = (program: string): readonly string[] => ofPrograms[program] ?? [];
