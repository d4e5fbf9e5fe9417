import { badRequest } from '../api/status-error.ts';
import type { TokenSigner } from './authentication/service-account-token.ts';
import { componentRoutes } from './component-status/component-routes.ts';
import type { Routes, SubresourceRoutes, VirtualHandler } from './http/router.ts';
import { statusRoutes } from './http/router.ts';
import { metricsRoutes } from './metrics-api/metrics-routes.ts';
import { peerStrategy } from './peers/peers.ts';
import { type RulesReviewDependencies, rulesReviewHandler } from './reviews/rules-review.ts';
import type { LogDependencies } from './streaming/pod-log.ts';
import { logRoutes } from './streaming/pod-log.ts';
import { proxyRoutes } from './streaming/proxy.ts';
import { admitted } from './subresources/admit.ts';
import { bindingRoutes, bindingsHandler } from './subresources/binding.ts';
import { BindingFence } from './subresources/binding-fence.ts';
import { BindingLedger } from './subresources/binding-ledger.ts';
import { bulkBindingHandler } from './subresources/bulk-binding.ts';
import { bulkEventHandler } from './subresources/bulk-event.ts';
import { bulkPreemptionHandler } from './subresources/bulk-preemption.ts';
import { bulkRenewalHandler } from './subresources/bulk-renewal.ts';
import { evictionRoutes } from './subresources/eviction.ts';
import { finalizeRoutes } from './subresources/finalize.ts';
import { type PlacementDependencies, placementRoutes } from './subresources/placement.ts';
import { type ReviewDependencies, reviewHandlers } from './subresources/reviews.ts';
import { scaleRoutes } from './subresources/scale.ts';
import { tokenRoutes } from './subresources/token-request.ts';

/** These speak through an upgraded connection, which never comes this way. */
const needsUpgrade = async (): Promise<never> => {
  throw badRequest('Upgrade request required');
};
const upgradeOnly: SubresourceRoutes = { get: needsUpgrade, create: needsUpgrade };

export interface RouteDependencies
  extends LogDependencies,
    ReviewDependencies,
    RulesReviewDependencies,
    PlacementDependencies {
  /** Without it no tokens are issued. */
  readonly signer: TokenSigner | undefined;
}

/** All subresources and virtual resources, in one place. */
export function createRoutes(deps: RouteDependencies): Routes {
  const ledger = new BindingLedger();
  const { storage } = deps.store.dependencies;
  const fence = new BindingFence({ ...deps, storage });
  const subresources = new Map<string, SubresourceRoutes>([
    ['*/status', statusRoutes(deps)],
    ['*/scale', scaleRoutes(deps)],
    ['/pods/ephemeralcontainers', statusRoutes(deps)],
    ['/pods/resize', statusRoutes(deps)],
    ['certificates.k8s.io/certificatesigningrequests/approval', statusRoutes(deps)],
    ['/pods/binding', bindingRoutes(deps, ledger)],
    ['/pods/eviction', { create: admitted(deps, evictionRoutes(deps).create) }],
    ['/serviceaccounts/token', tokenRoutes(deps, deps.signer)],
    ['/namespaces/finalize', finalizeRoutes(deps)],
    ['/pods/log', logRoutes(deps)],
    ['/pods/placement', placementRoutes(deps)],
    ['*/proxy', proxyRoutes(deps)],
    ['/pods/exec', upgradeOnly],
    ['/pods/attach', upgradeOnly],
    ['/pods/portforward', upgradeOnly],
  ]);
  const virtual = new Map<string, VirtualHandler>([
    ['/v1/bindings', bindingsHandler(deps, ledger)],
    ...reviewHandlers(deps),
    ['authorization.k8s.io/v1/selfsubjectrulesreviews', rulesReviewHandler(deps)],
    ['coracle.dev/v1/bulkbindings', bulkBindingHandler(deps, { ledger, fence })],
    ['coracle.dev/v1/bulkevents', bulkEventHandler(deps)],
    ['coracle.dev/v1/bulkpreemptions', bulkPreemptionHandler(deps)],
    ['coracle.dev/v1/bulkrenewals', bulkRenewalHandler(deps)],
  ]);
  const computed = new Map([...metricsRoutes(deps), ...componentRoutes({ ...deps, storage })]);
  const derived = new Map([['coracle.dev/v1/peers', peerStrategy(deps.registry)]]);
  return { subresources, virtual, computed, derived };
}
