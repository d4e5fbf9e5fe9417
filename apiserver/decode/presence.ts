/**
 * How an absent or empty field is written, which the schemas do not say: whether Go holds it by pointer (an explicit
 * zero is kept), by value with omitempty (a zero is left out), or by value without (a zero is always written).
 */
export type Presence = 'pointer' | 'omitempty' | 'always';

const valueBooleans = new Set(
  `paused authenticated denied chapAuthDiscovery chapAuthSession sslEnabled stdin stdinOnce tty unschedulable readOnly
  hostNetwork hostPID hostIPC publishNotReadyAddresses globalDefault clusterScope preserveUnknownFields deprecated
  exclusiveMaximum exclusiveMinimum nullable uniqueItems x-kubernetes-embedded-resource x-kubernetes-int-or-string
  insecureSkipTLSVerify`.split(/\s+/),
);

const valueIntegers = new Set(
  `minReadySeconds numberAvailable numberUnavailable updatedNumberScheduled observedGeneration availableReplicas
  readyReplicas replicas unavailableReplicas updatedReplicas fullyLabeledReplicas currentReplicas active failed succeeded
  sizeBytes hostPort signal failureThreshold initialDelaySeconds periodSeconds successThreshold
  timeoutSeconds nodePort healthCheckNodePort deprecatedCount number generation code retryAfterSeconds priority
  count partition`.split(/\s+/),
);

/** Integers whose name is in the set above and that are held by pointer all the same. */
const pointerIntegers = new Set([
  'DeploymentSpec.replicas',
  'ReplicaSetSpec.replicas',
  'StatefulSetSpec.replicas',
  'RollingUpdateStatefulSetStrategy.partition',
  'MutatingWebhook.timeoutSeconds',
  'ValidatingWebhook.timeoutSeconds',
  'ClientIPConfig.timeoutSeconds',
  'PodSpec.priority',
  'VolumeNodeResources.count',
  'HorizontalPodAutoscalerStatus.observedGeneration',
]);

const pointerStrings = new Set(
  `storageClassName volumeMode volumeAttributesClassName appProtocol hostname nodeName zone ingressClassName pathType
  loadBalancerClass ipFamilyPolicy internalTrafficPolicy trafficDistribution runtimeClassName preemptionPolicy
  holderIdentity strategy preferredHolder mountPropagation recursiveReadOnly timeZone completionMode managedBy
  podReplacementPolicy reclaimPolicy volumeBindingMode gmsaCredentialSpecName gmsaCredentialSpec runAsUserName
  localhostProfile ipMode fsGroupChangePolicy supplementalGroupsPolicy seLinuxChangePolicy procMount fsGroupPolicy
  unhealthyPodEvictionPolicy failurePolicy matchPolicy sideEffects reinvocationPolicy url scope nodeAffinityPolicy
  nodeTaintsPolicy persistentVolumeName service uid persistentVolumeClaimName hostnameOverride
  resourceClaimName resourceClaimTemplateName`.split(/\s+/),
);

const qualifiedPointerStrings = new Set([
  'EndpointPort.name',
  'EndpointPort.protocol',
  'NetworkPolicyPort.protocol',
  'TypedLocalObjectReference.apiGroup',
  'TypedObjectReference.apiGroup',
  'TypedObjectReference.namespace',
  'IngressClassParametersReference.apiGroup',
  'IngressClassParametersReference.namespace',
  'Container.restartPolicy',
  'EphemeralContainer.restartPolicy',
  'HostPathVolumeSource.type',
  'PodDNSConfigOption.value',
  'CSIVolumeSource.fsType',
  'ServiceReference.path',
  'Preconditions.resourceVersion',
  'ClusterTrustBundleProjection.name',
  'ClusterTrustBundleProjection.signerName',
  'VolumeMountStatus.recursiveReadOnly',
  'ParamRef.parameterNotFoundAction',
  'Validation.reason',
  'ValidationRule.reason',
  'HPAScalingRules.selectPolicy',
  'JobStatus.failedIndexes',
  'SuccessPolicyRule.succeededIndexes',
  'PodFailurePolicyOnExitCodesRequirement.containerName',
  'ContainerStatus.stopSignal',
  'Lifecycle.stopSignal',
  'AzureFilePersistentVolumeSource.secretNamespace',
  'LocalVolumeSource.fsType',
  'PersistentVolumeClaimStatus.currentVolumeAttributesClassName',
  'PodSchedulingGroup.podGroupName',
  'CustomResourceDefinitionVersion.deprecationWarning',
  'JSONSchemaProps.x-kubernetes-list-type',
  'JSONSchemaProps.x-kubernetes-map-type',
  'DeleteOptions.propagationPolicy',
]);

const valueStrings = new Set([
  'PodSpec.nodeName',
  'PodSpec.hostname',
  'PersistentVolumeSpec.storageClassName',
  'CSIStorageCapacity.storageClassName',
  'ObjectMeta.uid',
  'ObjectReference.uid',
  'StatusDetails.uid',
  'BoundObjectReference.uid',
  'UserInfo.uid',
  'LoadBalancerIngress.hostname',
  'LocalVolumeSource.strategy',
  'JSONSchemaProps.id',
]);

/** Optional, with a zero default in the schema, and written even when zero. */
const alwaysWritten = new Set([
  'Event.reportingComponent',
  'Event.reportingInstance',
  'StatefulSetStatus.availableReplicas',
  'FlowSchemaSpec.matchingPrecedence',
  'QueuingConfiguration.handSize',
  'QueuingConfiguration.queueLengthLimit',
  'QueuingConfiguration.queues',
  'PodDisruptionBudgetStatus.currentHealthy',
  'PodDisruptionBudgetStatus.desiredHealthy',
  'PodDisruptionBudgetStatus.disruptionsAllowed',
  'PodDisruptionBudgetStatus.expectedPods',
  'RoleRef.apiGroup',
  'PriorityClass.value',
  'StatefulSetOrdinals.start',
  'TokenRequestStatus.token',
  'PodFailurePolicyOnPodConditionsPattern.status',
  'HorizontalPodAutoscalerStatus.currentMetrics',
]);

const optionalPointers = new Set([
  'FileKeySelector.optional',
  'GRPCAction.service',
  'ReplicationControllerSpec.replicas',
  'AzureDiskVolumeSource.readOnly',
  'AzureDiskVolumeSource.cachingMode',
  'AzureDiskVolumeSource.fsType',
  'AzureDiskVolumeSource.kind',
  'CSIVolumeSource.readOnly',
]);

/** Structs that are left out when empty although they are held by value. */
const omittedStructs = new Set(['ObjectMeta.creationTimestamp']);

export interface FieldFacts {
  readonly struct: string;
  readonly name: string;
  readonly kind: string;
  readonly required: boolean;
  readonly hasDefault: boolean;
  /** The default is the zero value of its type. */
  readonly zeroDefault: boolean;
}

const timesByValue =
  /Condition$|^Event$|^EventSeries$|^ContainerState|^VolumeError$|^TokenRequestStatus$|^NamespaceCondition$/;

function presenceOfScalar(field: FieldFacts): Presence {
  const qualified = `${field.struct}.${field.name}`;
  if (optionalPointers.has(qualified)) return 'pointer';
  if (alwaysWritten.has(qualified)) return 'always';
  if (field.hasDefault) return field.required && field.zeroDefault ? 'always' : 'omitempty';
  switch (field.kind) {
    case 'boolean':
      return valueBooleans.has(field.name) ? 'omitempty' : 'pointer';
    case 'int32':
    case 'int64':
      return valueIntegers.has(field.name) && !pointerIntegers.has(qualified) ? 'omitempty' : 'pointer';
    case 'string':
      if (qualifiedPointerStrings.has(qualified)) return 'pointer';
      return pointerStrings.has(field.name) && !valueStrings.has(qualified) ? 'pointer' : 'omitempty';
    default:
      return 'pointer';
  }
}

export function presenceOf(field: FieldFacts): Presence {
  switch (field.kind) {
    case 'list':
    case 'map':
      return field.required || alwaysWritten.has(`${field.struct}.${field.name}`) ? 'always' : 'omitempty';
    case 'struct':
      if (!field.hasDefault || omittedStructs.has(`${field.struct}.${field.name}`)) return 'pointer';
      return 'always';
    case 'time':
    case 'microTime':
      return timesByValue.test(field.struct) ? 'always' : 'pointer';
    case 'bytes':
      return 'omitempty';
    case 'quantity':
    case 'intOrString':
    case 'raw':
      return 'pointer';
    default:
      return presenceOfScalar(field);
  }
}
