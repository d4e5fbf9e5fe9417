import type { AnyObject } from '../api/kind-info.ts';
import type { Registry } from './registry/registry.ts';
import type { FieldsOf } from './watch-cache/cached-object.ts';
import { SelectableFields, SharedValues } from './watch-cache/shared-values.ts';

type Reader = (object: AnyObject) => string;

interface Readers {
  readonly places: Map<string, number>;
  readonly readers: Reader[];
}

/** Reads the selectable fields of stored objects, as their kinds define them. */
export function fieldReader(registry: Registry): FieldsOf {
  const byResource = new Map<string, Readers>();
  const shared = new SharedValues();
  // The stored version reads its own fields; a view of it adds those that it names otherwise.
  const ordered = [...registry.all].sort(
    (a, b) => Number(a.conversion !== undefined) - Number(b.conversion !== undefined),
  );
  for (const { resource, conversion, selectableFields } of ordered) {
    const known: Readers = byResource.get(resource) ?? { places: new Map(), readers: [] };
    byResource.set(resource, known);
    for (const [field, read] of selectableFields) {
      if (known.places.has(field)) continue;
      known.places.set(field, known.readers.length);
      known.readers.push(conversion === undefined ? read : (object) => read(conversion.fromStored(object)));
    }
  }
  return (resource, object) => {
    const known = byResource.get(resource);
    if (known === undefined || known.readers.length === 0) return none;
    return new SelectableFields(
      known.places,
      known.readers.map((read) => shared.string(read(object))),
    );
  };
}

const none: ReadonlyMap<string, string> = new Map();
