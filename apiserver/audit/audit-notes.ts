/**
 * Where the parts that a request passes leave what the audit log is to know of it. A request that is told of has a user object of its own, which goes with it
 * everywhere; so no other part has to hand anything through.
 */
import type { StatusDetails, StatusError } from '../../api/status-error.ts';
import type { UserInfo } from '../registry/strategy.ts';

/** What the body says of the object that it is about. */
export interface NamedObject {
  readonly name?: string | undefined;
  readonly namespace?: string | undefined;
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
}

/** The part of a status that is told. */
export interface AuditedStatus {
  /** Left out: a failure, when a reason is given. */
  readonly status?: 'Success' | 'Failure';
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly details?: StatusDetails | undefined;
}

export interface AuditNotes {
  /** By full key. */
  readonly annotations: Map<string, string>;
  object?: NamedObject;
  /** The answer, when it is a status and not an object. */
  answer?: AuditedStatus;
  /** Whether a connection was taken over, or why not. */
  upgraded?: (failure: StatusError | undefined) => void;
}

/** Gone with the request. */
const notesByUser = new WeakMap<UserInfo, AuditNotes>();

/** The same user for one request, whose notes are `notes`. */
export function userWithNotes(user: UserInfo, notes: AuditNotes): UserInfo {
  const own = { ...user };
  notesByUser.set(own, notes);
  return own;
}

/** Where to write; undefined when nobody reads it. */
export function annotationsOf(user: UserInfo): Map<string, string> | undefined {
  return notesByUser.get(user)?.annotations;
}

/** The body is about this object, whatever the path leaves open. */
export function noteObject(user: UserInfo, { name, namespace, uid, resourceVersion }: NamedObject): void {
  const notes = notesByUser.get(user);
  if (notes !== undefined) notes.object = { name, namespace, uid, resourceVersion };
}

export function noteAnswer(user: UserInfo, answer: AuditedStatus): void {
  const notes = notesByUser.get(user);
  if (notes !== undefined) notes.answer = answer;
}

/** How the answer to an upgrade begins. */
export function noteUpgrade(user: UserInfo, failure?: StatusError): void {
  notesByUser.get(user)?.upgraded?.(failure);
}
