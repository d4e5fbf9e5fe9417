import { configMapRules, secretRules, serviceAccountRules } from './config.ts';
import { deploymentRules, replicaSetRules } from './deployment.ts';
import type { AnyKindRules } from './kind-rules.ts';
import { namespaceRules } from './namespace.ts';
import { nodeRules } from './node.ts';
import { podRules } from './pod.ts';
import { serviceRules } from './service.ts';
import {
  controllerRevisionRules,
  daemonSetRules,
  podTemplateRules,
  replicationControllerRules,
  statefulSetRules,
} from './stateful-set.ts';

/** What is particular to kinds; a kind that is not here behaves as most do. */
export const kindRules: readonly AnyKindRules[] = [
  configMapRules,
  controllerRevisionRules,
  daemonSetRules,
  deploymentRules,
  podTemplateRules,
  replicaSetRules,
  replicationControllerRules,
  statefulSetRules,
  namespaceRules,
  nodeRules,
  podRules,
  secretRules,
  serviceAccountRules,
  serviceRules,
];
