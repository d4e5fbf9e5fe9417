import type { AnyObject } from '../../api/kind-info.ts';
import { badRequest } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { type Random, randomSuffix, randomUuid } from '../../base/random.ts';
import { serverError } from './server-error.ts';

/** Longest prefix that leaves room for a suffix within a label value's 63 characters. */
const generateNamePrefixLimit = 58;

/** What `generateName` becomes. */
export function generateName(prefix: string, random: Random): string {
  return prefix.slice(0, generateNamePrefixLimit) + randomSuffix(random);
}

/** Checks what the client says of identity and place, and fills in what only the server knows. Mutates. */
export function fillSystemMetadata(
  object: AnyObject,
  request: { readonly namespace: string; readonly name: string },
  given: { readonly nowMs: number; readonly random: Random },
): void {
  const metadata = object.metadata;
  if (metadata.resourceVersion !== undefined && metadata.resourceVersion !== '')
    throw serverError('resourceVersion should not be set on objects to be created');
  placeInNamespace(object, request.namespace);
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.generation;
  metadata.uid = randomUuid(given.random);
  metadata.creationTimestamp = toTime(given.nowMs);
  if (request.name !== '') metadata.name = request.name;
}

/** The object belongs where the path says. @throws StatusError 400 when it says otherwise. */
export function placeInNamespace(object: AnyObject, namespace: string): void {
  const own = object.metadata.namespace ?? '';
  if (own !== '' && own !== namespace)
    throw badRequest(
      namespace === ''
        ? 'namespace is not allowed on cluster-scoped objects'
        : 'the namespace of the provided object does not match the namespace sent on the request',
    );
  if (namespace === '') delete object.metadata.namespace;
  else object.metadata.namespace = namespace;
}

/** An update keeps what no client may change. Mutates `next`. */
export function keepSystemMetadata(next: AnyObject, current: AnyObject): void {
  const { metadata } = next;
  const old = current.metadata;
  if (metadata.uid === undefined || metadata.uid === '') assign(metadata, 'uid', old.uid);
  assign(metadata, 'creationTimestamp', old.creationTimestamp);
  assign(metadata, 'generation', old.generation);
  assign(metadata, 'generateName', metadata.generateName ?? old.generateName);
  if (old.deletionTimestamp !== undefined) {
    metadata.deletionTimestamp = old.deletionTimestamp;
    assign(
      metadata,
      'deletionGracePeriodSeconds',
      metadata.deletionGracePeriodSeconds ?? old.deletionGracePeriodSeconds,
    );
  }
  delete metadata.selfLink;
}

function assign<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}
