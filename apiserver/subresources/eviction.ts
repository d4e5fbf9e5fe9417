import type { Pod } from '../../api/generated/core-v1.ts';
import type { Condition } from '../../api/generated/meta-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { everything, fromLabelSelector, matchesSelector } from '../../api/selector.ts';
import { badRequest, notFound, StatusError } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import { type Answer, objectAnswer, successStatus } from '../http/answer.ts';
import type { ResourceRequest } from '../http/api-request.ts';
import { readBody } from '../http/body.ts';
import { type DeleteOptions, toDeleteOptions } from '../http/delete-options.ts';
import { negotiate } from '../http/negotiation.ts';
import type { SubresourceRoutes } from '../http/router.ts';
import { parseWriteOptions } from '../http/write-options.ts';
import type { WriteDependencies } from '../http/writes.ts';
import { parseObject } from '../store/object-source.ts';

const evictionKind = {
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  schema: 'io.k8s.api.policy.v1.Eviction',
};
const attempts = 20;
const retryAfterSeconds = 10;

/** `POST pods/<name>/eviction`: a deletion that the disruption budgets may forbid for now. */
export function evictionRoutes(deps: WriteDependencies): SubresourceRoutes {
  return { create: (request) => evict(deps, request) };
}

async function evict(deps: WriteDependencies, request: ResourceRequest): Promise<Answer> {
  const { strategy, info, user } = request;
  const options = parseWriteOptions(request.query, 'CreateOptions');
  const { object } = readBody(deps.registry, request, evictionKind, options.fieldValidation);
  const named = object.metadata.name ?? '';
  if (named !== '' && named !== info.name)
    throw badRequest('name in URL does not match name in Eviction object');
  const deletion = toDeleteOptions(recordOf(object['deleteOptions']));
  const found = await deps.store.read(strategy, info.namespace, info.name);
  if (found === undefined) throw notFound(strategy.kind, info.name);
  const pod = parseObject(found.json) as Pod & AnyObject;
  const dryRun = options.dryRun || deletion.dryRun;
  if (needsBudget(pod)) await takeFromBudget(deps, request, pod, dryRun);
  await markDisrupted(deps, request, dryRun);
  await remove(deps, request, { ...deletion, dryRun }, user);
  return objectAnswer(201, successStatus(undefined, 201), negotiate(request.headers.accept));
}

const recordOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

/** Says on the pod why it ends, for those who count its failure. */
async function markDisrupted(
  deps: WriteDependencies,
  request: ResourceRequest,
  dryRun: boolean,
): Promise<void> {
  const { strategy, info, user } = request;
  await deps.store.mutate({
    ...{ strategy, user, dryRun, attempts, internal: true, fieldManager: '' },
    ...{ namespace: info.namespace, name: info.name, subresource: 'status' },
    next: (current) => {
      const { status } = current as Pod & AnyObject;
      const others = (status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        lastProbeTime: null,
        lastTransitionTime: toTime(deps.clock.nowMs()),
        reason: 'EvictionByEvictionAPI',
        message: 'Eviction API: evicting',
      };
      return { ...current, status: { ...status, conditions: [...others, condition] } };
    },
  });
}

async function remove(
  deps: WriteDependencies,
  { strategy, info }: ResourceRequest,
  deletion: DeleteOptions,
  user: ResourceRequest['user'],
): Promise<void> {
  await deps.store.delete({
    ...{ strategy, user, namespace: info.namespace, name: info.name, subresource: '' },
    ...{ dryRun: deletion.dryRun, gracePeriodSeconds: deletion.gracePeriodSeconds },
    ...{ propagation: deletion.propagation, preconditions: deletion.preconditions },
  });
}

/** Pods that do not run, or end already, disrupt nothing. */
function needsBudget(pod: Pod): boolean {
  const phase = pod.status?.phase;
  if (phase === 'Succeeded' || phase === 'Failed' || phase === 'Pending' || phase === undefined) return false;
  return pod.metadata.deletionTimestamp === undefined;
}

async function takeFromBudget(
  deps: WriteDependencies,
  request: ResourceRequest,
  pod: Pod,
  dryRun: boolean,
): Promise<void> {
  const budgets = budgetsOf(deps, pod);
  if (budgets.length === 0) return;
  if (budgets.length > 1)
    throw new StatusError({
      reason: 'InternalError',
      code: 500,
      message:
        'Internal error occurred: This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
      details: {
        causes: [
          {
            message:
              'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
          },
        ],
      },
    });
  const strategy = deps.registry.byResource('policy', 'v1', 'poddisruptionbudgets');
  const name = budgets[0]?.metadata.name ?? '';
  if (strategy === undefined || needsNoLeave(pod, budgets[0])) return;
  await deps.store.mutate({
    ...{ strategy, user: request.user, dryRun, attempts, internal: true, fieldManager: '' },
    ...{ namespace: request.info.namespace, name, subresource: 'status' },
    next: (current) => withDisruption(current as PodDisruptionBudget & AnyObject, pod, deps.clock.nowMs()),
  });
}

/** A pod that is not ready serves nobody: it may go when its budget says so, or when enough others are healthy. */
function needsNoLeave(pod: Pod, budget: PodDisruptionBudget | undefined): boolean {
  const isReady = pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
  if (isReady === true || budget === undefined) return false;
  if (budget.spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const { currentHealthy = 0, desiredHealthy = 0 } = budget.status ?? {};
  return currentHealthy >= desiredHealthy && desiredHealthy > 0;
}

function budgetsOf(deps: WriteDependencies, pod: Pod): PodDisruptionBudget[] {
  const { objects } = deps.cache.list({
    resource: 'policy/poddisruptionbudgets',
    namespace: pod.metadata.namespace ?? '',
    labels: everything,
    fields: everything,
  });
  return objects
    .map(({ json }) => JSON.parse(json.toString()) as PodDisruptionBudget)
    .filter(({ spec }) => {
      const selector = fromLabelSelector(spec?.selector);
      return selector !== undefined && matchesSelector(selector, pod.metadata.labels ?? {});
    });
}

/** The budget with one disruption less. Pure. @throws StatusError 429 when it has none to give */
export function withDisruption(budget: PodDisruptionBudget & AnyObject, pod: Pod, nowMs: number): AnyObject {
  const { name, generation = 0 } = budget.metadata;
  const status = budget.status;
  if ((status?.observedGeneration ?? 0) < generation)
    throw tooManyRequests(
      `The disruption budget ${name} is still being processed by the server.`,
      retryAfterSeconds,
    );
  const allowed = status?.disruptionsAllowed ?? 0;
  if (allowed <= 0)
    throw tooManyRequests(
      `The disruption budget ${name} needs ${status?.desiredHealthy ?? 0} healthy pods and has ${status?.currentHealthy ?? 0} currently`,
      undefined,
    );
  const disruptedPods = { ...status?.disruptedPods, [pod.metadata.name ?? '']: toTime(nowMs) };
  const conditions = [
    ...(status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionAllowed'),
    ...(allowed === 1 ? [noneLeft(generation, nowMs)] : []),
  ];
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: allowed - 1,
      disruptedPods,
      ...(conditions.length > 0 ? { conditions } : {}),
    },
  };
}

function noneLeft(observedGeneration: number, nowMs: number): Condition {
  return {
    type: 'DisruptionAllowed',
    status: 'False',
    observedGeneration,
    lastTransitionTime: toTime(nowMs),
    reason: 'InsufficientPods',
    message: '',
  };
}

function tooManyRequests(cause: string, retryAfter: number | undefined): StatusError {
  return new StatusError({
    reason: 'TooManyRequests',
    code: 429,
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [{ reason: 'DisruptionBudget', message: cause }],
      ...(retryAfter === undefined ? {} : { retryAfterSeconds: retryAfter }),
    },
  });
}
