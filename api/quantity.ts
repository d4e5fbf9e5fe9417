/**
 * Resource quantities: `500m`, `1.5Gi`, `2e3`.
 *
 * A quantity is a fixed-point number with nine decimals (anything finer is rounded up, away from zero) and the family of
 * suffixes it was written in. Formatting is canonical: the greatest suffix that leaves no fraction, so that `0.5` is
 * `500m` and `1024Mi` is `1Gi`.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export interface Quantity {
  /** Value in units of 10^-9. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** Text that is no quantity; the message is Kubernetes' own. */
export class QuantityError extends Error {
  readonly code = 'INVALID_QUANTITY';

  constructor(message: string) {
    super(message);
    this.name = 'QuantityError';
  }
}

const pattern = /^([+-]?)([0-9]*)(?:\.([0-9]*))?(.*)$/s;
const notMatching =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
const nanosPerUnit = 1_000_000_000n;
/** The greatest quantity there is: 2^63 - 1 whole units; what is more is capped. */
const greatest = (2n ** 63n - 1n) * nanosPerUnit;
const maxExponent = 100;

const decimalSuffixes = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'];
const binarySuffixes = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];

interface Scale {
  readonly format: QuantityFormat;
  /** Decimal exponent, or the power of 1024. */
  readonly exponent: number;
}

function parseSuffix(suffix: string): Scale {
  const decimal = decimalSuffixes.indexOf(suffix);
  if (decimal >= 0) return { format: 'DecimalSI', exponent: decimal * 3 - 9 };
  const binary = binarySuffixes.indexOf(suffix);
  if (binary > 0) return { format: 'BinarySI', exponent: binary };
  if (/^[eE][+-]?[0-9]+$/.test(suffix)) {
    const exponent = Number(suffix.slice(1));
    if (Math.abs(exponent) <= maxExponent) return { format: 'DecimalExponent', exponent };
  }
  throw new QuantityError(
    /^[eEinumkKMGTP]*[-+]?[0-9]*$/.test(suffix) ? "unable to parse quantity's suffix" : notMatching,
  );
}

function divideRoundingUp(dividend: bigint, divisor: bigint): bigint {
  return (dividend + divisor - 1n) / divisor;
}

function toNanos(digits: string, fraction: string, scale: Scale): bigint {
  const mantissa = BigInt(digits + fraction);
  if (scale.format === 'BinarySI') {
    const scaled = mantissa * 1024n ** BigInt(scale.exponent) * nanosPerUnit;
    return divideRoundingUp(scaled, 10n ** BigInt(fraction.length));
  }
  const exponent = scale.exponent - fraction.length + 9;
  return exponent >= 0
    ? mantissa * 10n ** BigInt(exponent)
    : divideRoundingUp(mantissa, 10n ** BigInt(-exponent));
}

/** A cluster has few different ones, and each is read many times for every object that has it. */
const rememberedQuantities = 1_000;
const longestRemembered = 24;
const remembered = new Map<string, Quantity>();

/** @throws QuantityError */
export function parseQuantity(text: string): Quantity {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const quantity = readQuantity(text);
  if (text.length > longestRemembered) return quantity;
  if (remembered.size >= rememberedQuantities) remembered.clear();
  remembered.set(text, quantity);
  return quantity;
}

function readQuantity(text: string): Quantity {
  if (text === '') throw new QuantityError(notMatching);
  const [, sign = '', digits = '', fraction = '', suffix = ''] = pattern.exec(text) ?? [];
  if (digits === '' && fraction === '') throw new QuantityError(notMatching);
  const scale = parseSuffix(suffix);
  const magnitude = toNanos(digits, fraction, scale);
  const capped = magnitude > greatest ? greatest : magnitude;
  return { nanos: sign === '-' ? -capped : capped, format: scale.format };
}

function formatBinary(units: bigint): string {
  let value = units;
  let power = 0;
  while (power < binarySuffixes.length - 1 && value % 1024n === 0n) {
    value /= 1024n;
    power++;
  }
  return `${value}${binarySuffixes[power]}`;
}

/** Canonical text. */
export function formatQuantity(quantity: Quantity): string {
  const { nanos, format } = quantity;
  if (nanos === 0n) return '0';
  const magnitude = nanos < 0n ? -nanos : nanos;
  if (format === 'BinarySI' && magnitude >= 1024n * nanosPerUnit && magnitude % nanosPerUnit === 0n)
    return formatBinary(nanos / nanosPerUnit);
  let value = nanos;
  let exponent = -9;
  while (value % 1000n === 0n && exponent < 18) {
    value /= 1000n;
    exponent += 3;
  }
  if (format !== 'DecimalExponent') return `${value}${decimalSuffixes[(exponent + 9) / 3]}`;
  return exponent === 0 ? `${value}` : `${value}e${exponent}`;
}

/** Most quantities on the wire are canonical already, and are told so without arithmetic. */
const surelyCanonical = /^(?:[1-9][0-9]{0,2}[mkMGT]?|[1-9][0-9]{0,2}[KMGT]i)$/;

/** @throws QuantityError */
export function canonicalQuantity(text: string): string {
  return surelyCanonical.test(text) ? text : formatQuantity(parseQuantity(text));
}

/** Negative, zero or positive, as for Array.sort. */
export function compareQuantities(left: Quantity, right: Quantity): number {
  return left.nanos < right.nanos ? -1 : left.nanos > right.nanos ? 1 : 0;
}

/** The sum is written in the family of `left`, unless that is zero. */
export function addQuantities(left: Quantity, right: Quantity): Quantity {
  return { nanos: left.nanos + right.nanos, format: left.nanos === 0n ? right.format : left.format };
}

/** The difference is written in the family of `left`, unless that is zero. */
export function subtractQuantities(left: Quantity, right: Quantity): Quantity {
  return { nanos: left.nanos - right.nanos, format: left.nanos === 0n ? right.format : left.format };
}

/** Rounds up to thousandths, the finest that resource lists keep. */
export function roundUpToMillis(quantity: Quantity): Quantity {
  const { nanos, format } = quantity;
  const step = 1_000_000n;
  if (nanos % step === 0n) return quantity;
  const rounded = nanos > 0n ? divideRoundingUp(nanos, step) : -divideRoundingUp(-nanos, step);
  return { nanos: rounded * step, format };
}

const surelyMillis = /^[1-9][0-9]{0,8}m$/;
const surelyWhole = /^[0-9]{1,9}$/;

/** Thousandths, rounded up: CPU millicores. @throws QuantityError */
export function toMillis(text: string): number {
  if (surelyWhole.test(text)) return Number(text) * 1000;
  if (surelyMillis.test(text)) return Number(text.slice(0, -1));
  const { nanos } = parseQuantity(text);
  return Number(nanos > 0n ? divideRoundingUp(nanos, 1_000_000n) : nanos / 1_000_000n);
}

/** Whole units, rounded up: bytes, counts. Exact up to 2^53. @throws QuantityError */
export function toUnits(text: string): number {
  if (surelyWhole.test(text)) return Number(text);
  const { nanos } = parseQuantity(text);
  return Number(nanos > 0n ? divideRoundingUp(nanos, nanosPerUnit) : nanos / nanosPerUnit);
}

/** CPU millicores as canonical text: 1500 -> `1500m`, 2000 -> `2`. */
export function formatMillis(millis: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(millis)) * 1_000_000n, format: 'DecimalSI' });
}

/** Bytes as canonical text with binary suffixes: 1073741824 -> `1Gi`. */
export function formatBytes(bytes: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(bytes)) * nanosPerUnit, format: 'BinarySI' });
}
