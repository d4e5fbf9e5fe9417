/** What a renewal of a node's Lease is, and what becomes of the Lease: pure. */
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { loadAnnotation } from '../../api/node-load.ts';
import { conflict, type ResourceName } from '../../api/status-error.ts';
import { canonicalMicroTime, TimeError } from '../decode/time.ts';
import { invalid, invalidError, tooLong, unsupported } from '../registry/field-error.ts';
import type { FieldError } from '../registry/strategy.ts';

/** Of the text that tells a node's load; agents write about a hundred bytes. */
const maxLoadBytes = 4_096;

export const renewalKeys = ['name', 'holderIdentity', 'renewTime'] as const;

export interface Renewal {
  readonly name: string;
  readonly holderIdentity: string;
  readonly renewTime: string;
  /** Undefined: the Lease keeps what it says. */
  readonly load: string | undefined;
}

/**
 * @param annotations of the item, as the client wrote them
 * @throws StatusError 422: this item says what no renewal may say
 */
export function toRenewal(
  item: Readonly<Record<(typeof renewalKeys)[number], string>>,
  annotations: unknown,
): Renewal {
  const errors: FieldError[] = [];
  let { renewTime } = item;
  try {
    renewTime = canonicalMicroTime(item.renewTime);
  } catch (error) {
    if (!(error instanceof TimeError)) throw error;
    errors.push(invalid('renewTime', item.renewTime, error.message));
  }
  const load = readLoad(annotations, errors);
  if (errors.length > 0) throw invalidError({ group: 'coracle.dev', kind: 'BulkRenewal' }, item.name, errors);
  return { name: item.name, holderIdentity: item.holderIdentity, renewTime, load };
}

function readLoad(annotations: unknown, errors: FieldError[]): string | undefined {
  if (annotations === undefined || annotations === null) return undefined;
  if (typeof annotations !== 'object' || Array.isArray(annotations)) {
    errors.push(invalid('annotations', annotations, 'must be a map'));
    return undefined;
  }
  for (const key of Object.keys(annotations))
    if (key !== loadAnnotation) errors.push(unsupported('annotations', key, [loadAnnotation]));
  const load: unknown = Reflect.get(annotations, loadAnnotation);
  const field = `annotations[${loadAnnotation}]`;
  if (load === undefined) return undefined;
  if (typeof load !== 'string') errors.push(invalid(field, load, 'must be a string'));
  else if (Buffer.byteLength(load) > maxLoadBytes) errors.push(tooLong(field, maxLoadBytes));
  else return load;
  return undefined;
}

/**
 * Whether the Lease does not say as much already.
 * @throws StatusError 409 when another holds it
 */
export function isDue(
  lease: { readonly holderIdentity?: string | undefined; readonly renewTime?: string | undefined },
  { name, holderIdentity, renewTime }: Renewal,
  type: ResourceName,
): boolean {
  if (lease.holderIdentity !== holderIdentity)
    throw conflict(type, name, `it is held by ${JSON.stringify(lease.holderIdentity ?? '')}`);
  // Both are of the same length and in UTC.
  return renewTime > (lease.renewTime ?? '');
}

/** Field owners stay as they are: what changes belongs to the agent, which has written it before. */
export function renewedLease(lease: AnyObject, { renewTime, load }: Renewal): AnyObject {
  const { metadata, spec } = lease as Lease & AnyObject;
  const annotations =
    load === undefined ? {} : { annotations: { ...metadata.annotations, [loadAnnotation]: load } };
  return { ...lease, metadata: { ...metadata, ...annotations }, spec: { ...spec, renewTime } };
}
