import { configMapRules, secretRules, serviceAccountRules } from './config.ts';
import type { AnyKindRules } from './kind-rules.ts';
import { namespaceRules } from './namespace.ts';
import { nodeRules } from './node.ts';
import { podRules } from './pod.ts';
import { serviceRules } from './service.ts';

/** What is particular to kinds; a kind that is not here behaves as most do. */
export const kindRules: readonly AnyKindRules[] = [
  configMapRules,
  namespaceRules,
  nodeRules,
  podRules,
  secretRules,
  serviceAccountRules,
  serviceRules,
];
