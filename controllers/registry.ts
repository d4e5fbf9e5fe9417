import { AccountTokenController } from './account-token/account-token-controller.ts';
import { AutoscalerController } from './autoscaler/autoscaler-controller.ts';
import { BootstrapSignerController } from './bootstrap-tokens/bootstrap-signer-controller.ts';
import { TokenCleanerController } from './bootstrap-tokens/token-cleaner-controller.ts';
import { CertificateController } from './certificates/certificate-controller.ts';
import { ClusterRoleAggregationController } from './cluster-role-aggregation/cluster-role-aggregation-controller.ts';
import type { ControllerContext } from './context.ts';
import { CronJobController } from './cronjob/cronjob-controller.ts';
import { DaemonSetController } from './daemonset/daemonset-controller.ts';
import { DeploymentController } from './deployment/deployment-controller.ts';
import { DisruptionController } from './disruption/disruption-controller.ts';
import { EndpointsController } from './endpoints/endpoints-controller.ts';
import { EndpointSliceController } from './endpointslice/endpointslice-controller.ts';
import { MirroringController } from './endpointslice-mirroring/mirroring-controller.ts';
import { EphemeralVolumeController } from './ephemeral-volume/ephemeral-volume-controller.ts';
import { GarbageCollector } from './garbage-collector/garbage-collector.ts';
import { JobController } from './job/job-controller.ts';
import { LoadBalancerController } from './load-balancer/load-balancer-controller.ts';
import { LocalVolumesController } from './local-volumes/local-volumes-controller.ts';
import type { ControlLoop } from './loop.ts';
import { NamespaceController } from './namespace/namespace-controller.ts';
import { NodeIpamController } from './node-ipam/node-ipam-controller.ts';
import { NodeLifecycleController } from './node-lifecycle/node-lifecycle-controller.ts';
import { PodGcController } from './pod-gc/pod-gc-controller.ts';
import { ReplicaSetController } from './replicaset/replicaset-controller.ts';
import { ReplicationControllerController } from './replicaset/replication-controller.ts';
import { ResourceQuotaController } from './resource-quota/resource-quota-controller.ts';
import { RootCaController } from './root-ca/root-ca-controller.ts';
import { ServiceAccountController } from './service-account/service-account-controller.ts';
import { StatefulSetController } from './statefulset/statefulset-controller.ts';
import { TaintEvictionController } from './taint-eviction/taint-eviction-controller.ts';
import { TtlAfterFinishedController } from './ttl-after-finished/ttl-after-finished-controller.ts';
import { VolumeBindingController } from './volume-binding/volume-binding-controller.ts';
import { VolumeProtectionController } from './volume-protection/volume-protection-controller.ts';

/** Every control loop of the `controllers` program, in the order in which they start. */
export const controlLoops: readonly (new (context: ControllerContext) => ControlLoop)[] = [
  NodeIpamController,
  ServiceAccountController,
  AccountTokenController,
  RootCaController,
  ClusterRoleAggregationController,
  EndpointSliceController,
  ReplicaSetController,
  ReplicationControllerController,
  DeploymentController,
  DaemonSetController,
  StatefulSetController,
  JobController,
  CronJobController,
  TtlAfterFinishedController,
  DisruptionController,
  AutoscalerController,
  NodeLifecycleController,
  TaintEvictionController,
  LoadBalancerController,
  EndpointsController,
  MirroringController,
  NamespaceController,
  VolumeProtectionController,
  VolumeBindingController,
  LocalVolumesController,
  EphemeralVolumeController,
  PodGcController,
  ResourceQuotaController,
  CertificateController,
  BootstrapSignerController,
  TokenCleanerController,
  GarbageCollector,
];
