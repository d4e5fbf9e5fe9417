import type { KindInfo } from '../../api/kind-info.ts';
import { componentSchemas, type JsonObject } from './component-schemas.ts';
import { deleteOptionsDefinition, patchDefinition, statusDefinition } from './operations.ts';
import { definitionOf, pathsOf } from './paths.ts';

const always = [deleteOptionsDefinition, patchDefinition, statusDefinition];

/** Every definition that the operations of a kind name. */
function definitionsOf(kind: KindInfo): string[] {
  const list = { group: kind.group, version: kind.version, kind: `${kind.kind}List` };
  const named = [kind, list, ...kind.subresources].map(definitionOf);
  return [kind.schema, ...named].filter((name): name is string => name !== undefined && name !== '');
}

/** The OpenAPI 3.0 document of one group version. */
export function renderDocument(kinds: readonly KindInfo[], version: string): JsonObject {
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version },
    paths: Object.fromEntries(kinds.flatMap(pathsOf).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: { schemas: componentSchemas([...always, ...kinds.flatMap(definitionsOf)]) },
  };
}
