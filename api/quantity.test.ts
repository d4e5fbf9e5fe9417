import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatBytes,
  formatMillis,
  formatQuantity,
  parseQuantity,
  roundUpToMillis,
  subtractQuantities,
  toMillis,
  toUnits,
} from './quantity.ts';

describe('quantity', () => {
  it.each([
    ['0', '0'],
    ['0.5', '500m'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1024', '1024'],
    ['1000', '1k'],
    ['100000000', '100M'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Ki', '512'],
    ['1e3', '1e3'],
    ['12e6', '12e6'],
    ['1E', '1E'],
    ['.5', '500m'],
    ['5.', '5'],
    ['+5', '5'],
    ['-1.5', '-1500m'],
    ['0.0000000001', '1n'],
    ['1000000000000000000000', '9223372036854775807'],
    ['0.1Ki', '102400m'],
    ['100.5Ki', '102912'],
  ])('writes %s as %s', (text, canonical) => {
    expect(canonicalQuantity(text)).toBe(canonical);
  });

  it.each(['', 'abc', '1x', '.', '1 Gi', '1ki', '--1', '1.1.1'])('refuses %j', (text) => {
    expect(() => parseQuantity(text)).toThrow();
  });

  it('converts to millis and units, rounding up', () => {
    expect(toMillis('0.1')).toBe(100);
    expect(toMillis('2')).toBe(2000);
    expect(toMillis('1u')).toBe(1);
    expect(toUnits('1Gi')).toBe(1024 ** 3);
    expect(toUnits('100m')).toBe(1);
    expect(formatMillis(1500)).toBe('1500m');
    expect(formatBytes(1024 ** 3)).toBe('1Gi');
  });

  it('adds, subtracts, compares and rounds', () => {
    const [a, b] = [parseQuantity('1Gi'), parseQuantity('512Mi')];
    expect(formatQuantity(addQuantities(a, b))).toBe('1536Mi');
    expect(formatQuantity(subtractQuantities(a, b))).toBe('512Mi');
    expect(compareQuantities(a, b)).toBeGreaterThan(0);
    expect(formatQuantity(roundUpToMillis(parseQuantity('1500u')))).toBe('2m');
  });

  it('keeps value and text through a round trip', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }),
        fc.constantFrom('DecimalSI', 'BinarySI', 'DecimalExponent'),
        (nanos, format) => {
          const text = formatQuantity({ nanos, format });
          expect(parseQuantity(text).nanos).toBe(nanos);
          expect(canonicalQuantity(text)).toBe(text);
        },
      ),
    );
  });
});
