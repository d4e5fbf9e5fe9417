/**
 * Where admission leaves what it has to say of one request to the audit log. A request that is told of has a user object of its own, which goes with it
 * everywhere; so no other part has to hand anything through.
 */
import type { UserInfo } from '../registry/strategy.ts';

/** Gone with the request. */
const annotationsByUser = new WeakMap<UserInfo, Map<string, string>>();

/** The same user for one request, whose annotations go to `annotations`. */
export function userWithAnnotations(user: UserInfo, annotations: Map<string, string>): UserInfo {
  const own = { ...user };
  annotationsByUser.set(own, annotations);
  return own;
}

/** Where to write; undefined when nobody reads it. */
export function annotationsOf(user: UserInfo): Map<string, string> | undefined {
  return annotationsByUser.get(user);
}
