import type { Routes, SubresourceRoutes, VirtualHandler } from './http/router.ts';
import { statusRoutes } from './http/router.ts';
import type { WriteDependencies } from './http/writes.ts';

/** All subresources and virtual resources, in one place. */
export function createRoutes(deps: WriteDependencies): Routes {
  const subresources = new Map<string, SubresourceRoutes>([['*/status', statusRoutes(deps)]]);
  const virtual = new Map<string, VirtualHandler>();
  return { subresources, virtual };
}
