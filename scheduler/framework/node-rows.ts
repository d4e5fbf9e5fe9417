/**
 * The numbers of nodes, a row for each: what there is, what pods take of it and how many they are. Deciding and
 * assuming read and write little else of a node, so that 5,000 nodes lie within the processor's cache.
 */
import type { PodClass } from './pod-class.ts';
import type { Resources } from './resources.ts';

/** Where three neighbouring columns begin: CPU in thousandths, bytes of memory, bytes of ephemeral storage. */
export const amountsAt = { allocatable: 0, requested: 3, estimated: 6, sinceReport: 9 } as const;
const thisPeriodAt = 12;
const podCountAt = 15;
const columns = 16;
const amountColumns = 3;
const initialRows = 16;

/** What some nodes have besides numbers. Where nothing is marked, nothing else needs to be looked at. */
export const rowMarks = { load: 1, nominations: 2 } as const;

/** How far the reports of a node know a pod's load; the further, the less of it is estimated. */
export const reportAge = { known: 0, lastPeriod: 1, thisPeriod: 2 } as const;

/** Of a pod that came while nothing was reported. */
export const noPeriod = -2;

export class NodeRows {
  #values: Float64Array;
  /** The number of the present reporting period. Counts on when a row gets another node. */
  #periods: Uint32Array;
  #marks: Uint8Array;

  constructor(rows: number = initialRows) {
    this.#values = new Float64Array(rows * columns);
    this.#marks = new Uint8Array(rows);
    this.#periods = new Uint32Array(rows);
  }

  /** @param mark one of `rowMarks` */
  isMarked(row: number, mark: number): boolean {
    return ((this.#marks[row] ?? 0) & mark) !== 0;
  }

  mark(row: number, mark: number, isSet: boolean): void {
    if (row >= this.#marks.length) this.#grow(row + 1);
    const marks = this.#marks[row] ?? 0;
    this.#marks[row] = isSet ? marks | mark : marks & ~mark;
  }

  /** @param amounts one of `amountsAt`; @param resource 0 CPU, 1 memory, 2 ephemeral storage */
  amount(row: number, amounts: number, resource: number): number {
    return this.#values[row * columns + amounts + resource] ?? 0;
  }

  /** As they are now. */
  resources(row: number, amounts: number, scalars: ReadonlyMap<string, number>): Resources {
    return {
      cpuMillis: this.amount(row, amounts, 0),
      memoryBytes: this.amount(row, amounts, 1),
      ephemeralStorageBytes: this.amount(row, amounts, 2),
      scalars,
    };
  }

  podCount(row: number): number {
    return this.#values[row * columns + podCountAt] ?? 0;
  }

  setAllocatable(row: number, { cpuMillis, memoryBytes, ephemeralStorageBytes }: Resources): void {
    if ((row + 1) * columns > this.#values.length) this.#grow(row + 1);
    const values = this.#values;
    const at = row * columns + amountsAt.allocatable;
    values[at] = cpuMillis;
    values[at + 1] = memoryBytes;
    values[at + 2] = ephemeralStorageBytes;
  }

  /** In which period a pod comes that comes now. */
  periodOf(row: number): number {
    return this.isMarked(row, rowMarks.load) ? (this.#periods[row] ?? 0) : noPeriod;
  }

  /** @returns one of `reportAge` for a pod that came in that period */
  ageOf(row: number, period: number): number {
    return Math.max(reportAge.known, reportAge.thisPeriod + period - (this.#periods[row] ?? 0));
  }

  /** `by` pods of the class came, or went. @param age one of `reportAge` */
  count(row: number, { requests, estimate }: PodClass, by: 1 | -1, age: number): void {
    if ((row + 1) * columns > this.#values.length) this.#grow(row + 1);
    const at = row * columns;
    this.#add(at + amountsAt.requested, requests, by);
    this.#add(at + amountsAt.estimated, estimate, by);
    if (age !== reportAge.known) this.#add(at + amountsAt.sinceReport, estimate, by);
    if (age === reportAge.thisPeriod) this.#add(at + thisPeriodAt, estimate, by);
    this.#values[at + podCountAt] = (this.#values[at + podCountAt] ?? 0) + by;
  }

  /** A report came: what is estimated is what came in the period that ends now. */
  beginPeriod(row: number): void {
    const at = row * columns;
    this.#values.copyWithin(at + amountsAt.sinceReport, at + thisPeriodAt, at + thisPeriodAt + amountColumns);
    this.#values.fill(0, at + thisPeriodAt, at + thisPeriodAt + amountColumns);
    this.#periods[row] = (this.#periods[row] ?? 0) + 1;
  }

  clear(row: number): void {
    this.#values.fill(0, row * columns, (row + 1) * columns);
    this.#marks.fill(0, row, row + 1);
  }

  #add(at: number, { cpuMillis, memoryBytes, ephemeralStorageBytes }: Resources, times: number): void {
    const values = this.#values;
    values[at] = (values[at] ?? 0) + times * cpuMillis;
    values[at + 1] = (values[at + 1] ?? 0) + times * memoryBytes;
    values[at + 2] = (values[at + 2] ?? 0) + times * ephemeralStorageBytes;
  }

  #grow(rows: number): void {
    const larger = new Float64Array(2 * rows * columns);
    larger.set(this.#values);
    this.#values = larger;
    const marks = new Uint8Array(2 * rows);
    marks.set(this.#marks);
    this.#marks = marks;
    const periods = new Uint32Array(2 * rows);
    periods.set(this.#periods);
    this.#periods = periods;
  }
}
