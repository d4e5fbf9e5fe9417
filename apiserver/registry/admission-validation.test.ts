import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const group = 'admissionregistration.k8s.io';
const webhooks = new Judge(group, 'v1', 'mutatingwebhookconfigurations', '');
const policies = new Judge(group, 'v1', 'validatingadmissionpolicies', '');
const bindings = new Judge(group, 'v1', 'validatingadmissionpolicybindings', '');

const rule = { operations: ['CREATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };
const hook = {
  name: 'a.b.c',
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  clientConfig: { url: 'https://h/p' },
  rules: [rule],
};
const hooks = (over: object) => ({ webhooks: [{ ...hook, ...over }] });
const ruled = (over: object) => hooks({ rules: [{ ...rule, ...over }] });
const service = (over: object) =>
  hooks({ clientConfig: { service: { name: 's', namespace: 'n', ...over } } });
const one = 'webhooks[0]';
const form = '; desired format: https://host[/path]';

describe('webhook configurations', () => {
  it.each<[object, string[]]>([
    [hooks({}), []],
    [hooks({ name: '' }), [`${one}.name: Required value`]],
    [
      hooks({ failurePolicy: 'Never', matchPolicy: 'Any', reinvocationPolicy: 'Always', timeoutSeconds: 31 }),
      [
        `${one}.failurePolicy: Unsupported value: "Never": supported values: "Fail", "Ignore"`,
        `${one}.matchPolicy: Unsupported value: "Any": supported values: "Equivalent", "Exact"`,
        `${one}.timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`,
        `${one}.reinvocationPolicy: Unsupported value: "Always": supported values: "IfNeeded", "Never"`,
      ],
    ],
    [
      hooks({ sideEffects: '', admissionReviewVersions: ['v2', 'v2'] }),
      [
        `${one}.sideEffects: Required value: must specify one of None, NoneOnDryRun`,
        `${one}.admissionReviewVersions[1]: Invalid value: "v2": duplicate version`,
        `${one}.admissionReviewVersions: Invalid value: ["v2","v2"]: must include at least one of v1, v1beta1`,
      ],
    ],
    [
      ruled({ operations: ['*', 'WATCH'], apiGroups: [], apiVersions: ['*', ''], scope: 'All' }),
      [
        `${one}.rules[0].operations: Invalid value: ["*","WATCH"]: if '*' is present, must not specify other operations`,
        `${one}.rules[0].operations[1]: Unsupported value: "WATCH": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"`,
        `${one}.rules[0].apiGroups: Required value`,
        `${one}.rules[0].apiVersions: Invalid value: ["*",""]: if '*' is present, must not specify other API versions`,
        `${one}.rules[0].apiVersions[1]: Required value`,
        `${one}.rules[0].scope: Unsupported value: "All": supported values: "*", "Cluster", "Namespaced"`,
      ],
    ],
    [
      ruled({ resources: ['a/*', 'a/b', '*/c', 'd/c', '*', 'e'] }),
      [
        `${one}.rules[0].resources[1]: Invalid value: "a/b": if 'a/*' is present, must not specify a/b`,
        `${one}.rules[0].resources[3]: Invalid value: "d/c": if '*/c' is present, must not specify d/c`,
        `${one}.rules[0].resources: Invalid value: ["a/*","a/b","*/c","d/c","*","e"]: if '*' is present, must not specify other resources without subresources`,
      ],
    ],
    [
      hooks({ clientConfig: {} }),
      [`${one}.clientConfig: Required value: exactly one of url or service is required`],
    ],
    [
      hooks({ clientConfig: { url: 'http://u:p@/x?q#f' } }),
      [
        `${one}.clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme${form}`,
        `${one}.clientConfig.url: Invalid value: "": host must be specified${form}`,
        `${one}.clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL`,
        `${one}.clientConfig.url: Invalid value: "f": fragments are not permitted in the URL`,
        `${one}.clientConfig.url: Invalid value: "q": query parameters are not permitted in the URL`,
      ],
    ],
    [
      service({ name: '', port: 70000, path: 'a//b/' }),
      [
        `${one}.clientConfig.service.name: Required value: service name is required`,
        `${one}.clientConfig.service.port: Invalid value: 70000: port is not valid: must be between 1 and 65535, inclusive`,
        `${one}.clientConfig.service.path: Invalid value: "a//b/": must start with a '/'`,
        `${one}.clientConfig.service.path: Invalid value: "a//b/": segment[0] may not be empty`,
        `${one}.clientConfig.service.path: Invalid value: "a//b/": segment[1] may not be empty`,
      ],
    ],
    [
      hooks({ matchConditions: [{ name: '', expression: ' ' }] }),
      [
        `${one}.matchConditions[0].expression: Required value`,
        `${one}.matchConditions[0].name: Required value`,
      ],
    ],
    [{ webhooks: [hook, hook] }, ['webhooks[1].name: Duplicate value: "a.b.c"']],
  ])('are judged (%#)', (content, expected) => {
    expect(webhooks.ofNew(content)).toEqual(expected);
  });

  it('keep effects, versions and names as older servers took them', () => {
    const old = { webhooks: [{ ...hook, sideEffects: 'Some', admissionReviewVersions: ['v2'] }, hook, hook] };
    expect(webhooks.ofNew(old)).toHaveLength(4);
    expect(webhooks.ofChange(old, { ...old, metadata: { labels: { a: 'b' } } })).toEqual([]);
  });
});

const policy = { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: 'true' }] };
const binding = { policyName: 'p', validationActions: ['Deny'] };
const nothing = 'Required value: validations or auditAnnotations must contain at least one item';

describe('admission policies', () => {
  it.each<[Judge, object, string[]]>([
    [policies, policy, []],
    [
      policies,
      { failurePolicy: 'Maybe' },
      [
        'spec.failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"',
        'spec.matchConstraints: Required value',
        `spec.validations: ${nothing}`,
        `spec.auditAnnotations: ${nothing}`,
      ],
    ],
    [
      policies,
      {
        ...policy,
        matchConstraints: { excludeResourceRules: [{ ...rule, resourceNames: ['a/b'] }] },
        paramKind: {},
      },
      [
        'spec.paramKind.apiVersion: Required value',
        'spec.paramKind.kind: Required value',
        'spec.matchConstraints.excludeResourceRules[0].resourceNames[0]: Invalid value: "a/b": may not contain \'/\'',
        'spec.matchConstraints.resourceRules: Required value',
      ],
    ],
    [
      policies,
      { ...policy, validations: [{ expression: '', message: 'a\nb' }] },
      [
        'spec.validations[0].expression: Required value: expression is not specified',
        'spec.validations[0].message: Invalid value: "a\\nb": message must not contain line breaks',
      ],
    ],
    [bindings, binding, []],
    [
      bindings,
      { paramRef: {} },
      [
        'spec.policyName: Required value',
        'spec.paramRef: Required value: one of name or selector must be specified',
        'spec.paramRef.parameterNotFoundAction: Required value',
        'spec.validationActions: Required value: at least one validation action is required',
      ],
    ],
    [
      bindings,
      { ...binding, validationActions: ['Deny', 'Warn', 'Warn', 'Log'] },
      [
        'spec.validationActions[2]: Duplicate value: "Warn"',
        'spec.validationActions[3]: Unsupported value: "Log": supported values: "Audit", "Deny", "Warn"',
        'spec.validationActions: Invalid value: ["Deny","Warn","Warn","Log"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
  ])('are judged in their form (%#)', (judge, spec, expected) => {
    expect(judge.ofNew({ spec })).toEqual(expected);
  });
});
