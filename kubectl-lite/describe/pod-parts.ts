import type { Toleration, Volume } from '../../api/generated/core-v1.ts';
import type { Outline } from './outline.ts';

/** The volumes of a pod or of a template, which stand one level lower. */
export function describeVolumes(
  outline: Outline,
  volumes: readonly Volume[],
  place: 'pod' | 'template' = 'pod',
): void {
  const base = place === 'template' ? 1 : 0;
  if (volumes.length === 0) {
    outline.field('Volumes', '<none>', base);
    return;
  }
  outline.heading('Volumes', base);
  for (const { name, ...source } of volumes) {
    const [type = '', value] = Object.entries(source)[0] ?? [];
    outline.heading(name, 1).field('Type', type.charAt(0).toUpperCase() + type.slice(1), 2);
    for (const [field, detail] of Object.entries(Object(value)))
      if (typeof detail !== 'object')
        outline.field(field.charAt(0).toUpperCase() + field.slice(1), String(detail), 2);
  }
}

/** `key=value:Effect for 300s` */
export function tolerationText({ key = '', operator, value, effect, tolerationSeconds }: Toleration): string {
  const wanted = operator === 'Exists' ? ' op=Exists' : '';
  const equals = value === undefined || value === '' ? '' : `=${value}`;
  const seconds = tolerationSeconds === undefined ? '' : ` for ${tolerationSeconds}s`;
  return `${key}${equals}${effect === undefined ? '' : `:${effect}`}${wanted}${seconds}`;
}
