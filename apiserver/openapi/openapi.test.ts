import { describe, expect, test } from 'vitest';
import { discoveredKinds } from '../../api/generated/kinds.ts';
import { OpenApi } from './openapi.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
}

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string }[];
  readonly 'x-kubernetes-action': string;
  readonly 'x-kubernetes-group-version-kind': unknown;
}

const openapi = new OpenApi(discoveredKinds, 'v1.36.0');
const paths = Object.keys(JSON.parse(openapi.index().body.toString()).paths as object);
const read = (path: string): Document =>
  JSON.parse(openapi.document(path)?.body.toString() ?? 'null') as Document;

function* referencesIn(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, part] of Object.entries(value))
    if (key === '$ref' && typeof part === 'string') yield part;
    else yield* referencesIn(part);
}

const danglingIn = (document: Document): string[] =>
  [...referencesIn(document)].filter((reference) => {
    const name = reference.replace('#/components/schemas/', '');
    return !Object.hasOwn(document.components.schemas, name);
  });

describe('OpenAPI v3', () => {
  test('lists every group version once', () => {
    expect(paths).toContain('api/v1');
    expect(paths).toContain('apis/apps/v1');
    expect(paths).toHaveLength(new Set(discoveredKinds.map((kind) => `${kind.group}/${kind.version}`)).size);
  });

  test.each(paths)('%s refers only to what it holds', (path) => {
    expect(danglingIn(read(path))).toEqual([]);
  });

  test('a missing definition is noticed', () => {
    const document = read('apis/apps/v1');
    const { 'io.k8s.api.core.v1.PodSpec': _, ...schemas } = document.components.schemas;
    expect(danglingIn({ ...document, components: { schemas } })).not.toEqual([]);
  });

  test.each(paths)('%s has operations with names of their own', (path) => {
    const items = Object.entries(read(path).paths);
    const ids = items
      .filter(([name]) => !name.endsWith('{path}'))
      .flatMap(([, item]) => Object.values(item).map((operation) => operation.operationId))
      .filter((id) => id !== undefined);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('patches say which options the server knows, and of which kind they are', () => {
    const item = read('apis/apps/v1').paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
    const patch = item?.['patch'];
    const names = patch?.parameters?.map(({ name }) => name) ?? [];
    expect(names.sort()).toEqual(['dryRun', 'fieldManager', 'fieldValidation', 'force']);
    expect(patch?.['x-kubernetes-action']).toBe('patch');
    expect(patch?.['x-kubernetes-group-version-kind']).toEqual({
      group: 'apps',
      version: 'v1',
      kind: 'Deployment',
    });
    expect(patch?.operationId).toBe('patchAppsV1NamespacedDeployment');
  });

  test('subresources have the kind of their body', () => {
    const eviction = read('api/v1').paths['/api/v1/namespaces/{namespace}/pods/{name}/eviction'];
    expect(eviction?.['post']?.['x-kubernetes-group-version-kind']).toEqual({
      group: 'policy',
      version: 'v1',
      kind: 'Eviction',
    });
  });

  test('a document is made once', () => {
    expect(openapi.document('api/v1')).toBe(openapi.document('api/v1'));
    expect(openapi.document('apis/nope/v1')).toBeUndefined();
  });
});
