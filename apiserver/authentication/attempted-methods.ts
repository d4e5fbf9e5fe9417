import type { Credentials } from './authenticator.ts';

/** What somebody tried who was not believed, in Kubernetes' words. */
export function attemptedMethods({ certificate, authorization }: Credentials): string {
  const methods = [
    ...(authorization?.startsWith('Basic ') ? ['basic'] : []),
    ...(authorization?.startsWith('Bearer ') ? ['bearer'] : []),
    ...(certificate === undefined ? [] : ['x509']),
  ];
  return methods.length === 0
    ? 'Authentication failed, no credentials provided'
    : `Authentication failed, attempted: ${methods.join(', ')}`;
}
