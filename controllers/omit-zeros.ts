/** Counters as Kubernetes writes them (`omitempty`): a zero is left out. */
export function omitZeros<T extends Record<string, unknown>>(counters: T): { [K in keyof T]?: T[K] } {
  const kept: { [K in keyof T]?: T[K] } = {};
  for (const key of Object.keys(counters) as (keyof T)[]) {
    if (counters[key] !== 0 && counters[key] !== undefined) kept[key] = counters[key];
  }
  return kept;
}
