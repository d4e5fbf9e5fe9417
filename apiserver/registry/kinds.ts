import { ipAddressRules, serviceCidrRules } from './address-kinds.ts';
import {
  mutatingPolicyBindingRules,
  mutatingPolicyRules,
  validatingPolicyBindingRules,
  validatingPolicyRules,
} from './admission-policies.ts';
import { autoscalerRules, oldAutoscalerRules } from './autoscaling.ts';
import { jobRules } from './batch.ts';
import {
  mutatingWebhookRules,
  priorityClassRules,
  runtimeClassRules,
  validatingWebhookRules,
} from './cluster-kinds.ts';
import { configMapRules, secretRules, serviceAccountRules } from './config.ts';
import { cronJobRules } from './cron-job.ts';
import { csiDriverRules, csiNodeRules, storageCapacityRules, volumeAttachmentRules } from './csi-kinds.ts';
import { daemonSetRules } from './daemon-set.ts';
import { deploymentRules, replicaSetRules } from './deployment.ts';
import {
  deviceClassRules,
  resourceClaimRules,
  resourceClaimTemplateRules,
  resourceSliceRules,
} from './device-kinds.ts';
import { disruptionBudgetRules } from './disruption-budget.ts';
import { endpointSliceRules, endpointsRules } from './endpoints.ts';
import { eventRules, newEventRules } from './event.ts';
import { ingressRules } from './ingress.ts';
import { ingressClassRules } from './ingress-class.ts';
import type { AnyKindRules } from './kind-rules.ts';
import { leaseRules } from './lease.ts';
import { limitRangeRules } from './limit-range.ts';
import { namespaceRules } from './namespace.ts';
import { networkPolicyRules } from './network-policy.ts';
import { nodeRules } from './node.ts';
import { flowSchemaRules, priorityLevelRules } from './plain-kinds.ts';
import { podRules } from './pod.ts';
import { clusterRoleBindingRules, clusterRoleRules, roleBindingRules, roleRules } from './rbac.ts';
import {
  controllerRevisionRules,
  podTemplateRules,
  replicationControllerRules,
} from './replication-controller.ts';
import { serviceRules } from './service.ts';
import { signingRequestRules } from './signing-request.ts';
import { statefulSetRules } from './stateful-set.ts';
import { storageClassRules, volumeAttributesClassRules } from './storage-class.ts';
import { persistentVolumeClaimRules, persistentVolumeRules, resourceQuotaRules } from './storage-kinds.ts';

/** What is particular to kinds; a kind that is not here behaves as most do. */
export const kindRules: readonly AnyKindRules[] = [
  mutatingPolicyBindingRules,
  mutatingPolicyRules,
  validatingPolicyBindingRules,
  validatingPolicyRules,
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
  autoscalerRules,
  disruptionBudgetRules,
  oldAutoscalerRules,
  cronJobRules,
  jobRules,
  mutatingWebhookRules,
  priorityClassRules,
  runtimeClassRules,
  signingRequestRules,
  validatingWebhookRules,
  endpointSliceRules,
  endpointsRules,
  eventRules,
  newEventRules,
  leaseRules,
  ingressClassRules,
  ingressRules,
  networkPolicyRules,
  clusterRoleBindingRules,
  clusterRoleRules,
  roleBindingRules,
  roleRules,
  csiDriverRules,
  storageCapacityRules,
  limitRangeRules,
  persistentVolumeClaimRules,
  persistentVolumeRules,
  resourceQuotaRules,
  storageClassRules,
  csiNodeRules,
  flowSchemaRules,
  ipAddressRules,
  priorityLevelRules,
  serviceCidrRules,
  volumeAttachmentRules,
  volumeAttributesClassRules,
  deviceClassRules,
  resourceClaimRules,
  resourceClaimTemplateRules,
  resourceSliceRules,
];
