import type { Taint, Toleration } from '../api/generated/core-v1.ts';

/** @see https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/ */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if ((toleration.effect ?? '') !== '' && toleration.effect !== taint.effect) return false;
  if ((toleration.key ?? '') !== '' && toleration.key !== taint.key) return false;
  switch (toleration.operator ?? 'Equal') {
    case 'Exists':
      return true;
    case 'Equal':
    case '':
      return (toleration.key ?? '') !== '' && (toleration.value ?? '') === (taint.value ?? '');
    case 'Gt':
      return compared(toleration, taint, (taintValue, value) => taintValue > value);
    case 'Lt':
      return compared(toleration, taint, (taintValue, value) => taintValue < value);
    default:
      return false;
  }
}

function compared(
  toleration: Toleration,
  taint: Taint,
  holds: (taintValue: number, value: number) => boolean,
): boolean {
  const [taintValue, value] = [Number(taint.value), Number(toleration.value)];
  return Number.isInteger(taintValue) && Number.isInteger(value) && holds(taintValue, value);
}
