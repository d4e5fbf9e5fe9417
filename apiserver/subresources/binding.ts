import type { Binding, Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { badRequest, conflict, notFound, type StatusError } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { topologyLabels } from '../admission/topology-labels.ts';
import { type Answer, objectAnswer, successStatus } from '../http/answer.ts';
import type { ApiRequest, ResourceRequest } from '../http/api-request.ts';
import { readBody } from '../http/body.ts';
import { negotiate } from '../http/negotiation.ts';
import type { SubresourceRoutes, VirtualHandler } from '../http/router.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import type { WriteDependencies } from '../http/writes.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { serverError } from '../store/server-error.ts';
import type { BindingLedger } from './binding-ledger.ts';

const bindingKind = { group: '', version: 'v1', kind: 'Binding', schema: 'io.k8s.api.core.v1.Binding' };
const attempts = 5;
const bindings = { group: '', plural: 'pods/binding' };

/** Which pod goes to which node. */
export interface BindingOrder {
  readonly name: string;
  /** Empty: whatever pod has that name. */
  readonly uid: string;
  readonly node: string;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Of the binding, and of the node's place. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
}

/** The pod on its node. Pure. @throws StatusError 409 when it cannot be bound */
export function bindPod(current: AnyObject, order: BindingOrder, nowMs: number): AnyObject {
  const pod = current as Pod & AnyObject;
  const refuse = (why: string): StatusError => conflict(bindings, order.name, why);
  if (order.uid !== '' && order.uid !== pod.metadata.uid)
    throw refuse(
      `Precondition failed: UID in precondition: ${order.uid}, UID in object meta: ${pod.metadata.uid}`,
    );
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${order.name} is being deleted, cannot be assigned to a host`);
  const { nodeName = '', schedulingGates = [] } = pod.spec ?? {};
  if (nodeName !== '') throw refuse(`pod ${order.name} is already assigned to node "${nodeName}"`);
  if (schedulingGates.length > 0) throw refuse(`pod ${order.name} has non-empty .spec.schedulingGates`);
  const annotations = { ...pod.metadata.annotations, ...order.annotations };
  // Where it waited for room says nothing any more.
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  const conditions = (pod.status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  const scheduled = {
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: toTime(nowMs),
  };
  return {
    ...current,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ...(order.labels === undefined ? {} : { labels: { ...pod.metadata.labels, ...order.labels } }),
    },
    spec: { ...pod.spec, nodeName: order.node },
    status: { ...status, conditions: [...conditions, scheduled] },
  };
}

/** `pods/<name>/binding`. */
export function bindingRoutes(deps: WriteDependencies, ledger: BindingLedger): SubresourceRoutes {
  return { create: (request) => bindOne({ ...deps, ledger }, request, request.strategy, request.info.name) };
}

/** `POST bindings`: the same, with the pod named in the body. */
export function bindingsHandler(deps: WriteDependencies, ledger: BindingLedger): VirtualHandler {
  return async (request) => {
    const strategy = deps.registry.byResource('', 'v1', 'pods');
    if (strategy === undefined) throw notFound({ group: '', plural: 'pods' }, '');
    return bindOne({ ...deps, ledger }, request, strategy, '');
  };
}

interface BindingDependencies extends WriteDependencies {
  readonly ledger: BindingLedger;
}

/** Not judged, as in Kubernetes: the agent has the last word. But schedulers that bind in bulk have to have seen it. */
async function bindOne(
  deps: BindingDependencies,
  request: ApiRequest | ResourceRequest,
  strategy: KindStrategy,
  pathName: string,
): Promise<Answer> {
  const { user, info } = request;
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const { object } = readBody(deps.registry, request, bindingKind, options.fieldValidation);
  const asked = toOrder(object as Binding & AnyObject, pathName);
  const place = topologyLabels(deps.cache, asked.node);
  const order = place === undefined ? asked : { ...asked, labels: { ...asked.labels, ...place } };
  const batch = deps.ledger.begin(user.name);
  let version = 0;
  try {
    const stored = await deps.store.mutate({
      ...{ strategy, user, attempts, internal: true, dryRun: options.dryRun, fieldManager: '' },
      ...{ namespace: info.namespace, name: order.name, subresource: 'binding' },
      next: (current) => {
        const bound = bindPod(current, order, deps.clock.nowMs());
        batch.note({ node: order.node, pod: bound as Pod & AnyObject });
        return bound;
      },
    });
    if (options.dryRun !== true) version = stored.version;
  } finally {
    batch.settle(version);
  }
  return objectAnswer(201, successStatus(undefined, 201), negotiate(request.headers.accept));
}

function toOrder(binding: Binding & AnyObject, pathName: string): BindingOrder {
  const { target, metadata } = binding;
  const name = metadata.name ?? '';
  if (pathName !== '' && name !== '' && name !== pathName)
    throw badRequest(`name in URL does not match name in Binding object`);
  if ((target?.name ?? '') === '') throw serverError('target.name: Required value');
  const kind = target.kind ?? '';
  if (kind !== '' && kind !== 'Node')
    throw serverError(`target.kind: Unsupported value: "${kind}": supported values: "Node", "<empty>"`);
  return {
    name: pathName === '' ? name : pathName,
    uid: metadata.uid ?? '',
    node: target.name ?? '',
    annotations: metadata.annotations,
    labels: metadata.labels,
  };
}
