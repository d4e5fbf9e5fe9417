import { describe, expect, test } from 'vitest';
import { discoveredKinds } from '../../api/generated/kinds.ts';
import { schemaFacts } from '../decode/schema.ts';
import { descriptions, generalDescriptions, objectDescriptions } from './descriptions.ts';
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

interface DescribedSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, { readonly description?: string }>>;
}

describe('descriptions', () => {
  test('are of definitions and fields that there are', () => {
    const known = new Set<string>();
    for (const { properties } of schemaFacts.values())
      for (const field of Object.keys(properties ?? {})) known.add(field);
    for (const field of [...generalDescriptions.keys(), ...objectDescriptions.keys()])
      expect(known, field).toContain(field);
    for (const [definition, { fields, like }] of descriptions) {
      const properties = schemaFacts.get(definition)?.properties;
      expect(properties, definition).toBeDefined();
      if (like !== undefined) expect(descriptions.has(like), like).toBe(true);
      for (const field of Object.keys(fields)) expect(properties, definition).toHaveProperty([field]);
    }
  });

  test('are sentences, none of them long', () => {
    const texts = [...descriptions.values()].flatMap(({ about, fields }) => [
      about,
      ...Object.values(fields),
    ]);
    expect(texts.length).toBeGreaterThan(500);
    for (const text of [...texts, ...generalDescriptions.values()]) {
      expect(text).not.toBe('');
      expect(text.length, text).toBeLessThan(240);
    }
  });

  test('stand in the documents: of a definition, a field, a condition, what another is like', () => {
    const { schemas } = read('apis/apps/v1').components as {
      readonly schemas: Readonly<Record<string, DescribedSchema>>;
    };
    const of = (definition: string, field: string): string | undefined =>
      schemas[`io.k8s.api.${definition}`]?.properties?.[field]?.description;
    expect(schemas['io.k8s.api.core.v1.Container']?.description).toMatch(/process/);
    expect(of('core.v1.EphemeralContainer', 'image')).toBe(of('core.v1.Container', 'image'));
    expect(of('apps.v1.ReplicaSetCondition', 'status')).toBe('True, False or Unknown.');
    expect(of('apps.v1.DeploymentList', 'items')).toBe('The objects of the list.');
    expect(of('core.v1.ConfigMapVolumeSource', 'items')).toMatch(/keys/);
  });

  test('are there for all that people write most', () => {
    const of = (definition: string): DescribedSchema | undefined => {
      for (const path of paths) {
        const { schemas } = read(path).components;
        if (Object.hasOwn(schemas, definition)) return schemas[definition] as DescribedSchema;
      }
      return undefined;
    };
    for (const name of [
      'core.v1.Container',
      'core.v1.ServiceSpec',
      'apps.v1.DeploymentSpec',
      'batch.v1.JobSpec',
    ]) {
      const { properties = {} } = of(`io.k8s.api.${name}`) ?? {};
      const silent = Object.entries(properties).filter(([, { description }]) => description === undefined);
      expect(silent.map(([field]) => field)).toEqual([]);
    }
  });
});
