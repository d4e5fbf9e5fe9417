import type { ControllerRevision } from '../api/generated/apps-v1.ts';
import type { PodTemplateSpec } from '../api/generated/core-v1.ts';
import { controllerrevisions } from '../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import { isAlreadyExists, isNotFound } from '../api/status-error.ts';
import type { ApiClient } from '../client/client.ts';
import { isControlledBy, toControllerReference } from './ownership.ts';
import { isSame } from './structural-equality.ts';
import { templateHash } from './template-hash.ts';

/** Revisions that nobody uses are kept this many by default. */
const defaultHistoryLimit = 10;

export interface RevisionRequest<O extends ApiObject> {
  readonly client: ApiClient;
  readonly ownerType: ResourceType<O>;
  readonly owner: O;
  readonly template: PodTemplateSpec;
  /** Under which the revision carries its hash. */
  readonly hashLabel: string;
  readonly collisionCount: number | undefined;
  /** Those that the owner has. */
  readonly revisions: readonly ControllerRevision[];
}

/** Another template has taken the name: the owner has to count that, and gets another name then. */
export class RevisionCollision extends Error {
  readonly code = 'REVISION_COLLISION';
}

/**
 * What a strategic merge patch of the owner needs to bring the template back: `kubectl rollout undo` applies it. Clients
 * tell whether an owner is at a revision by comparing bytes: those that Go makes of the template as a map, its keys in order.
 */
export function revisionData(template: PodTemplateSpec): Record<string, unknown> {
  return { spec: { template: inKeyOrder({ ...template, $patch: 'replace' }) } };
}

function inKeyOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inKeyOrder);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, field]) => [key, inKeyOrder(field)]));
}

/** The template that a revision stands for. */
export function templateOf({ data }: ControllerRevision): PodTemplateSpec {
  const { spec } = (data ?? {}) as { spec?: { template?: PodTemplateSpec & { $patch?: string } } };
  const { $patch: _patch, ...template } = spec?.template ?? {};
  return template;
}

export const hashOf = ({ metadata }: ControllerRevision, hashLabel: string): string =>
  metadata.labels?.[hashLabel] ?? '';

/**
 * The revision of `template`: the one that there is, moved to the end of history when it has come back, or a new one.
 * @throws RevisionCollision
 */
export async function ensureRevision<O extends ApiObject>(
  request: RevisionRequest<O>,
): Promise<ControllerRevision> {
  const { client, revisions, template } = request;
  const data = revisionData(template);
  const last = Math.max(0, ...revisions.map(({ revision }) => revision));
  const [found] = revisions
    .filter((revision) => isSame(revision.data, data))
    .sort((a, b) => b.revision - a.revision);
  if (found === undefined) return createRevision(request, data, last + 1);
  if (found.revision === last) return found;
  return client.update(controllerrevisions, { ...found, revision: last + 1 });
}

async function createRevision<O extends ApiObject>(
  request: RevisionRequest<O>,
  data: Record<string, unknown>,
  revision: number,
): Promise<ControllerRevision> {
  const { client, ownerType, owner, template, hashLabel } = request;
  const hash = templateHash(template, request.collisionCount);
  const { namespace, annotations } = owner.metadata;
  const name = `${owner.metadata.name}-${hash}`;
  try {
    return await client.create(controllerrevisions, {
      ...{ apiVersion: 'apps/v1', kind: 'ControllerRevision', revision, data },
      metadata: {
        ...{ name, namespace, annotations },
        labels: { ...template.metadata?.labels, [hashLabel]: hash },
        ownerReferences: [toControllerReference(ownerType, owner)],
      },
    });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    const found = await client.get(controllerrevisions, { namespace, name });
    if (isControlledBy(found, owner) && isSame(found.data, data)) return found;
    throw new RevisionCollision(`create revision ${name}: another template has this name`);
  }
}

/** Deletes the oldest of the revisions beyond the limit that no pod has and that are not the current one. */
export async function pruneRevisions(
  client: ApiClient,
  unused: readonly ControllerRevision[],
  limit: number = defaultHistoryLimit,
): Promise<void> {
  const oldestFirst = [...unused].sort((a, b) => a.revision - b.revision);
  for (const { metadata } of oldestFirst.slice(0, Math.max(0, oldestFirst.length - limit))) {
    try {
      await client.delete(controllerrevisions, metadata, { uid: metadata.uid });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
