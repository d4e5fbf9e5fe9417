/**
 * How Node runs a program.
 *
 * scheduler: it reads all pods when it starts. With a larger young generation the garbage of that, 150,000 pods of 2 KB,
 * stays in the process (480 MB instead of 370).
 *
 * apiserver: a full young generation of Node's size takes 20-30 ms to collect, a small one 4-6. One thread besides the
 * main one collects garbage: Node's four take the main thread's share of the processor when there is less of it than of
 * them.
 */
const smallYoungGeneration = '--max-semi-space-size=8';
const ofPrograms: Readonly<Record<string, readonly string[]>> = {
  apiserver: [smallYoungGeneration, '--v8-pool-size=1'],
  scheduler: [smallYoungGeneration],
};

export const nodeOptionsOf = (program: string): readonly string[] => ofPrograms[program] ?? [];
