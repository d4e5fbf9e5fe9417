import type { AnyObject } from '../../api/kind-info.ts';
import { usageError } from '../cli-error.ts';
import { customColumns } from './custom-columns.ts';
import { evaluateTemplate } from './jsonpath.ts';

/** Turns one object (or a List) into text. */
export type ObjectPrinter = (object: AnyObject) => string;

const formats =
  'custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,templatefile,wide,yaml';

/** @param name how an object is called: `deployment.apps/web` */
export async function objectPrinter(
  format: string,
  name: (object: AnyObject) => string,
  options: { readonly managedFields?: boolean; readonly headers?: boolean } = {},
): Promise<ObjectPrinter> {
  const clean = (object: AnyObject): unknown =>
    sorted(options.managedFields === true ? object : withoutManaged(object));
  const equals = format.indexOf('=');
  const kind = equals < 0 ? format : format.slice(0, equals);
  const argument = equals < 0 ? '' : format.slice(equals + 1);
  switch (kind) {
    case 'json':
      return (object) => `${JSON.stringify(clean(object), undefined, 4)}\n`;
    case 'yaml': {
      // Half of the program is the YAML library: loaded for what needs it.
      const { toYaml } = await import('../yaml-text.ts');
      return (object) => toYaml(clean(object));
    }
    case 'name':
      return (object) =>
        itemsOf(object)
          .map((item) => `${name(item)}\n`)
          .join('');
    case 'jsonpath':
      return (object) => evaluateTemplate(argument, object);
    case 'custom-columns':
      return (object) => customColumns(argument, itemsOf(object), options.headers !== false);
    default:
      throw usageError(
        `unable to match a printer suitable for the output format "${format}", allowed formats are: ${formats}`,
      );
  }
}

/** A list's items, or the object itself. */
export function itemsOf(object: AnyObject): AnyObject[] {
  const items = object['items'];
  if (!object.kind?.endsWith('List') || !Array.isArray(items)) return [object];
  const [apiVersion, kind] = [object.apiVersion, object.kind.replace(/List$/, '')];
  return items.map((item: AnyObject) =>
    kind === '' ? item : { ...item, apiVersion: item.apiVersion ?? apiVersion, kind: item.kind ?? kind },
  );
}

function withoutManaged(object: AnyObject): AnyObject {
  const items = object['items'];
  const metadata = { ...object.metadata };
  delete metadata.managedFields;
  return {
    ...object,
    metadata,
    ...(Array.isArray(items) ? { items: items.map((item: AnyObject) => withoutManaged(item)) } : {}),
  };
}

/** Keys in the order of the alphabet, as encoders of Go maps write them. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== undefined);
  return Object.fromEntries(
    entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => [key, sorted(field)]),
  );
}
