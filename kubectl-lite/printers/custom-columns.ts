import type { AnyObject } from '../../api/kind-info.ts';
import { usageError } from '../cli-error.ts';
import { evaluatePath } from './jsonpath.ts';
import { align } from './table.ts';

/** `NAME:.metadata.name,IMAGE:.spec.containers[*].image` */
export function customColumns(spec: string, objects: readonly AnyObject[], headers: boolean): string {
  if (spec === '') throw usageError('custom-columns format specified but no custom columns given');
  const columns = spec.split(',').map((column) => {
    const colon = column.indexOf(':');
    if (colon < 0)
      throw usageError(`unexpected custom-columns spec: ${column}, expected <header>:<json-path-expr>`);
    return { header: column.slice(0, colon), path: column.slice(colon + 1) };
  });
  const rows = objects.map((object) =>
    columns.map(({ path }) => {
      const values = evaluatePath(path, object).filter((value) => value !== undefined && value !== null);
      const texts = values.map((value) =>
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      );
      return texts.length === 0 ? '<none>' : texts.join(',');
    }),
  );
  return align(headers ? [columns.map(({ header }) => header), ...rows] : rows);
}
