import { badRequest } from '../../api/status-error.ts';
import type { RuleResolver } from '../authorization/subject-rules.ts';
import { objectAnswer } from '../http/answer.ts';
import { readBody } from '../http/body.ts';
import { negotiateObject } from '../http/negotiation.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { Registry } from '../registry/registry.ts';

export interface RulesReviewDependencies {
  readonly registry: Registry;
  readonly rules: RuleResolver;
}

const kind = {
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  schema: 'io.k8s.api.authorization.v1.SelfSubjectRulesReview',
};

/** Tells whoever asks what they may do in a namespace: `kubectl auth can-i --list`. */
export function rulesReviewHandler(deps: RulesReviewDependencies): VirtualHandler {
  return async (request) => {
    const { object } = readBody(deps.registry, request, kind, 'Warn');
    const spec = (object['spec'] ?? {}) as { readonly namespace?: string };
    const namespace = spec.namespace ?? '';
    if (namespace === '') throw badRequest('no namespace on request');
    const review = {
      kind: kind.kind,
      apiVersion: `${kind.group}/${kind.version}`,
      metadata: {},
      spec: {},
      status: deps.rules.rulesFor(request.user, namespace),
    };
    return objectAnswer(201, review, negotiateObject(request.headers.accept));
  };
}
