import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from '../api/generated/apps-v1.ts';
import type { HorizontalPodAutoscaler } from '../api/generated/autoscaling-v2.ts';
import type { CronJob, Job } from '../api/generated/batch-v1.ts';
import type { Lease } from '../api/generated/coordination-v1.ts';
import type {
  ConfigMap,
  Endpoints,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ReplicationController,
  Service,
  ServiceAccount,
} from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import type { LabelSelector } from '../api/generated/meta-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/policy-v1.ts';
import {
  configmaps,
  controllerrevisions,
  cronjobs,
  daemonsets,
  deployments,
  endpoints,
  endpointslices,
  horizontalpodautoscalers,
  jobs,
  leases,
  namespaces,
  nodes,
  persistentvolumeclaims,
  persistentvolumes,
  poddisruptionbudgets,
  pods,
  replicasets,
  replicationcontrollers,
  serviceaccounts,
  services,
  statefulsets,
  storageclasses,
} from '../api/generated/resources.ts';
import type { StorageClass } from '../api/generated/storage-v1.ts';
import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import type { ApiClient } from '../client/client.ts';
import { Informer, type InformerHandler, type InformerOptions } from '../client/informer.ts';
import { controllerOf } from './ownership.ts';
import { selectorIndex, selectorTerms } from './selector-index.ts';

export interface SharedInformersOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Objects by the uid of their controller; those without one are under `orphansOf(namespace)`. */
export const controllerIndex = 'controller';
/** Pods by the name of their node. */
export const nodeIndex = 'node';
/** Pods by each of their labels; see `labelTerm`. */
export const labelIndex = 'label';
/** Nodes by their InternalIPs, services by their cluster IPs. */
export const addressIndex = 'address';
/** EndpointSlices by `namespace/service`. */
export const serviceIndex = 'service';

/** Pods by `namespace/claim` of the volume claims that they use. */
export const claimIndex = 'claim';
/** Jobs with a selector of their own, by namespace. */
export const manualSelectorIndex = 'manualSelector';

export const orphansOf = (namespace: string | undefined): string => `orphans/${namespace ?? ''}`;

export const labelTerm = (namespace: string | undefined, key: string, value: string): string =>
  `${namespace ?? ''} ${key}=${value}`;

export const rootCaConfigMap = 'kube-root-ca.crt';
export const nodeLeaseNamespace = 'kube-node-lease';

const byController = (object: ApiObject): readonly string[] => [
  controllerOf(object)?.uid ?? orphansOf(object.metadata.namespace),
];

const bySelector = ({
  metadata,
  spec,
}: ApiObject & { readonly spec: { readonly selector?: LabelSelector | undefined } }): readonly string[] =>
  selectorTerms(metadata.namespace, spec.selector);

/** Keys of the claims that a pod uses, those of its ephemeral volumes included. */
export function claimsOf({ metadata, spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    const claim = persistentVolumeClaim?.claimName ?? (ephemeral && `${metadata.name}-${name}`);
    return claim === undefined ? [] : [`${metadata.namespace}/${claim}`];
  });
}

export const internalAddresses = ({ status }: Node): string[] =>
  (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP').map(({ address }) => address);

/** An informer as those see it who only need metadata. */
export interface SharedInformer {
  addHandler(handler: InformerHandler<ApiObject>): () => void;
  whenSynced(signal: AbortSignal): Promise<void>;
}

/** One watch per kind for all control loops of a process. */
export class SharedInformers {
  readonly #options: SharedInformersOptions;
  readonly #all: { run(signal: AbortSignal): Promise<void> }[] = [];
  readonly #whole = new Map<string, SharedInformer>();
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  readonly endpoints: Informer<Endpoints>;
  readonly replicaSets: Informer<ReplicaSet>;
  readonly replicationControllers: Informer<ReplicationController>;
  readonly deployments: Informer<Deployment>;
  readonly jobs: Informer<Job>;
  readonly cronJobs: Informer<CronJob>;
  readonly daemonSets: Informer<DaemonSet>;
  readonly statefulSets: Informer<StatefulSet>;
  readonly controllerRevisions: Informer<ControllerRevision>;
  readonly disruptionBudgets: Informer<PodDisruptionBudget>;
  readonly autoscalers: Informer<HorizontalPodAutoscaler>;
  readonly volumeClaims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly storageClasses: Informer<StorageClass>;
  readonly namespaces: Informer<Namespace>;
  readonly serviceAccounts: Informer<ServiceAccount>;
  /** Only those that publish the cluster's certificate authority. */
  readonly rootCaConfigMaps: Informer<ConfigMap>;
  readonly nodeLeases: Informer<Lease>;

  constructor(options: SharedInformersOptions) {
    this.#options = options;
    this.pods = this.#add(pods, {
      transform: withoutManagedFields,
      indexers: {
        [controllerIndex]: byController,
        [labelIndex]: ({ metadata }) =>
          Object.entries(metadata.labels ?? {}).map(([key, value]) =>
            labelTerm(metadata.namespace, key, value),
          ),
        [claimIndex]: claimsOf,
        [nodeIndex]: (pod) => (pod.spec.nodeName === undefined ? [] : [pod.spec.nodeName]),
      },
    });
    this.nodes = this.#add(nodes, { indexers: { [addressIndex]: internalAddresses } });
    this.services = this.#add(services, {
      indexers: { [addressIndex]: ({ spec }) => spec.clusterIPs ?? [] },
    });
    this.endpointSlices = this.#add(endpointslices, {
      indexers: {
        [serviceIndex]: ({ metadata }) => [
          `${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`,
        ],
      },
    });
    this.endpoints = this.#add(endpoints, {});
    this.replicaSets = this.#add(replicasets, {
      indexers: { [controllerIndex]: byController, [selectorIndex]: bySelector },
    });
    this.replicationControllers = this.#add(replicationcontrollers, {
      indexers: {
        [selectorIndex]: ({ metadata, spec }) =>
          selectorTerms(metadata.namespace, { matchLabels: spec?.selector ?? {} }),
      },
    });
    this.deployments = this.#add(deployments, {});
    this.jobs = this.#add(jobs, {
      indexers: {
        [controllerIndex]: byController,
        [manualSelectorIndex]: ({ metadata, spec }) =>
          spec.manualSelector === true ? [metadata.namespace ?? ''] : [],
      },
    });
    this.cronJobs = this.#add(cronjobs, {});
    this.daemonSets = this.#add(daemonsets, { indexers: { [selectorIndex]: bySelector } });
    this.statefulSets = this.#add(statefulsets, { indexers: { [selectorIndex]: bySelector } });
    this.controllerRevisions = this.#add(controllerrevisions, {
      indexers: { [controllerIndex]: byController },
    });
    this.disruptionBudgets = this.#add(poddisruptionbudgets, {
      indexers: { [selectorIndex]: bySelector },
    });
    this.autoscalers = this.#add(horizontalpodautoscalers, {});
    this.volumeClaims = this.#add(persistentvolumeclaims, {});
    this.volumes = this.#add(persistentvolumes, {});
    this.storageClasses = this.#add(storageclasses, {});
    this.namespaces = this.#add(namespaces, {});
    this.serviceAccounts = this.#add(serviceaccounts, {
      selection: { fieldSelector: 'metadata.name=default' },
    });
    this.rootCaConfigMaps = this.#add(configmaps, {
      selection: { fieldSelector: `metadata.name=${rootCaConfigMap}` },
    });
    this.nodeLeases = this.#add(leases, {
      selection: { namespace: nodeLeaseNamespace },
      transform: onlyRenewal,
    });
  }

  /** The informer that follows all objects of `type`, if there is one. */
  find({ group, plural }: ResourceType<ApiObject>): SharedInformer | undefined {
    return this.#whole.get(`${plural}.${group}`);
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    for (const informer of this.#all) group.start((groupSignal) => informer.run(groupSignal));
    await group.join();
  }

  #add<T extends ApiObject>(
    type: ResourceType<T>,
    more: Pick<InformerOptions<T>, 'indexers' | 'selection' | 'transform'>,
  ): Informer<T> {
    const informer = new Informer({ ...this.#options, type, ...more });
    this.#all.push(informer);
    if (more.selection === undefined) this.#whole.set(`${type.plural}.${type.group}`, informer);
    return informer;
  }
}

/** Of a node's Lease when it was renewed: thousands that are kept for ten seconds each are costly garbage. */
function onlyRenewal({ apiVersion, kind, metadata, spec }: Lease): Lease {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  return {
    ...{ apiVersion, kind },
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { renewTime: spec.renewTime },
  };
}

/** Nobody here reads them, and they are a third of a pod's size. */
function withoutManagedFields(pod: Pod): Pod {
  if (pod.metadata.managedFields === undefined) return pod;
  const { managedFields: _managedFields, ...metadata } = pod.metadata;
  return { ...pod, metadata };
}
