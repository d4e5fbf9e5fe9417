import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../../api/generated/core-v1.ts';
import { baselineChecks } from './baseline.ts';
import type { Check, JudgedPod } from './check.ts';
import { toDetail, violationsOf } from './evaluate.ts';
import { defaultPolicy, type Level, policyProblems, readPolicy } from './policy.ts';
import { restrictedChecks } from './restricted.ts';

const latest = (level: Level) => ({ level, minor: 'latest' as const });
const at = (level: Level, minor: number) => ({ level, minor });

const safe = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
};

/** Keeps every rule of every level and version. */
function goodPod(): JudgedPod {
  return {
    annotations: {},
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      initContainers: [{ name: 'i', securityContext: safe }],
      containers: [{ name: 'c', securityContext: safe }],
      volumes: [{ name: 'v', emptyDir: {} }],
    },
  };
}

type Damage = (pod: { annotations: Record<string, string>; spec: PodSpec }) => void;

const onContainer =
  (changes: object): Damage =>
  ({ spec }) => {
    const [first] = spec.containers;
    if (first !== undefined) Object.assign(first, changes);
  };
const onContext = (changes: object): Damage => onContainer({ securityContext: { ...safe, ...changes } });
const onPod =
  (changes: object): Damage =>
  ({ spec }) =>
    Object.assign(spec, changes);
const onPodContext =
  (changes: object): Damage =>
  ({ spec }) => {
    spec.securityContext = { ...spec.securityContext, ...changes };
  };

/** For every rule: what breaks it alone, at which level, from which version on, and what is said. */
const cases: readonly (readonly [id: string, level: Level, minor: number, damage: Damage, said: string])[] = [
  [
    'appArmorProfile',
    'baseline',
    0,
    onContext({ appArmorProfile: { type: 'Unconfined' } }),
    'forbidden AppArmor profile (container "c" must not set AppArmor profile type to "Unconfined")',
  ],
  [
    'appArmorProfile',
    'baseline',
    0,
    ({ annotations }) => {
      annotations['container.apparmor.security.beta.kubernetes.io/e'] = 'unconfined';
    },
    'forbidden AppArmor profile (annotation must not set AppArmor profile type to "container.apparmor.security.beta.kubernetes.io/e="unconfined"")',
  ],
  [
    'capabilities_baseline',
    'baseline',
    0,
    onContext({ capabilities: { drop: ['ALL'], add: ['SYS_TIME', 'NET_RAW', 'CHOWN'] } }),
    'non-default capabilities (container "c" must not include "NET_RAW", "SYS_TIME" in securityContext.capabilities.add)',
  ],
  [
    'hostNamespaces',
    'baseline',
    0,
    onPod({ hostPID: true, hostIPC: true }),
    'host namespaces (hostPID=true, hostIPC=true)',
  ],
  [
    'hostPathVolumes',
    'baseline',
    0,
    onPod({
      volumes: [
        { name: 'a', hostPath: { path: '/' } },
        { name: 'b', hostPath: { path: '/' } },
      ],
    }),
    'hostPath volumes (volumes "a", "b")',
  ],
  [
    'hostPorts',
    'baseline',
    0,
    onContainer({
      ports: [
        { containerPort: 1, hostPort: 80 },
        { containerPort: 2, hostPort: 443 },
      ],
    }),
    'hostPort (container "c" uses hostPorts 443, 80)',
  ],
  [
    'hostProbesAndHostLifecycle',
    'baseline',
    34,
    onContainer({ livenessProbe: { httpGet: { port: 1, host: '10.0.0.1' } } }),
    'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
  ],
  [
    'privileged',
    'baseline',
    0,
    onContext({ privileged: true }),
    'privileged (container "c" must not set securityContext.privileged=true)',
  ],
  [
    'procMount',
    'baseline',
    0,
    onContext({ procMount: 'Unmasked' }),
    'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
  ],
  [
    'seLinuxOptions',
    'baseline',
    0,
    onContext({ seLinuxOptions: { type: 'spc_t', user: 'u' } }),
    'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)',
  ],
  [
    'seccompProfile_baseline',
    'baseline',
    19,
    onPodContext({ seccompProfile: { type: 'Unconfined' } }),
    'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [
    'sysctls',
    'baseline',
    0,
    onPodContext({
      sysctls: [
        { name: 'kernel.sem', value: '1' },
        { name: 'kernel.shm_rmid_forced', value: '1' },
      ],
    }),
    'forbidden sysctls (kernel.sem)',
  ],
  [
    'windowsHostProcess',
    'baseline',
    0,
    onContext({ windowsOptions: { hostProcess: true } }),
    'hostProcess (container "c" must not set securityContext.windowsOptions.hostProcess=true)',
  ],
  [
    'allowPrivilegeEscalation',
    'restricted',
    8,
    onContext({ allowPrivilegeEscalation: undefined }),
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
  ],
  [
    'capabilities_restricted',
    'restricted',
    22,
    onContext({ capabilities: { drop: ['CHOWN'], add: ['CHOWN', 'NET_BIND_SERVICE'] } }),
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "CHOWN" in securityContext.capabilities.add)',
  ],
  [
    'restrictedVolumes',
    'restricted',
    0,
    onPod({ volumes: [{ name: 'n', nfs: { path: '/', server: 's' } }] }),
    'restricted volume types (volume "n" uses restricted volume type "nfs")',
  ],
  [
    'runAsNonRoot',
    'restricted',
    0,
    onPodContext({ runAsNonRoot: undefined }),
    'runAsNonRoot != true (pod or containers "i", "c" must set securityContext.runAsNonRoot=true)',
  ],
  [
    'runAsNonRoot',
    'restricted',
    0,
    onContext({ runAsNonRoot: false }),
    'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
  ],
  [
    'runAsUser',
    'restricted',
    23,
    onPodContext({ runAsUser: 0 }),
    'runAsUser=0 (pod must not set runAsUser=0)',
  ],
  [
    'seccompProfile_restricted',
    'restricted',
    19,
    onPodContext({ seccompProfile: undefined }),
    'seccompProfile (pod or containers "i", "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
  [
    'procMount_restricted',
    'restricted',
    35,
    (pod) => {
      onPod({ hostUsers: false })(pod);
      onContext({ procMount: 'Unmasked' })(pod);
    },
    'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
  ],
];

function damaged(damage: Damage): JudgedPod {
  const pod = goodPod();
  const changed = { annotations: { ...pod.annotations }, spec: pod.spec };
  damage(changed);
  return changed;
}

describe('pod security', () => {
  it.each(cases)('%s of %s forbids alone, from v1.%s on', (_id, level, minor, damage, said) => {
    const pod = damaged(damage);
    expect(toDetail(violationsOf(latest(level), pod))).toBe(said);
    expect(toDetail(violationsOf(at(level, minor), pod))).toBe(said);
    expect(violationsOf(latest('privileged'), pod)).toEqual([]);
    if (level === 'restricted' && _id !== 'restrictedVolumes')
      expect(violationsOf(latest('baseline'), pod)).toEqual([]);
  });

  it('has a case for every rule', () => {
    const tried = new Set(cases.map(([id]) => id));
    const all = [...baselineChecks, ...restrictedChecks].map(({ id }: Check) => id);
    expect(all.filter((id) => !tried.has(id))).toEqual([]);
  });

  it('lets a careful pod pass every level and version', () => {
    for (let minor = 0; minor <= 40; minor += 1)
      for (const level of ['baseline', 'restricted'] as const)
        expect(violationsOf(at(level, minor), goodPod())).toEqual([]);
  });

  it.each([
    ['hostProbesAndHostLifecycle', 'baseline', 33],
    ['allowPrivilegeEscalation', 'restricted', 7],
    ['runAsUser', 'restricted', 22],
  ] as const)('%s does not hold at %s before its version', (id, level, minor) => {
    const found = cases.find((each) => each[0] === id);
    expect(violationsOf(at(level, minor), damaged(found?.[3] ?? (() => undefined)))).toEqual([]);
  });

  it.each([
    ['net.ipv4.ip_local_reserved_ports', 27],
    ['net.ipv4.tcp_keepalive_time', 29],
    ['net.ipv4.tcp_rmem', 32],
  ] as const)('%s is safe from v1.%s on', (name, minor) => {
    const pod = damaged(onPodContext({ sysctls: [{ name, value: '1' }] }));
    expect(violationsOf(at('baseline', minor - 1), pod)).toHaveLength(1);
    expect(violationsOf(at('baseline', minor), pod)).toEqual([]);
  });

  it('a restricted rule stands for the baseline rule that it sharpens', () => {
    const pod = damaged((each) => {
      onContext({ capabilities: { add: ['SYS_TIME'] } })(each);
      onPod({ volumes: [{ name: 'h', hostPath: { path: '/' } }] })(each);
    });
    expect(violationsOf(latest('restricted'), pod).map(({ reason }) => reason)).toEqual([
      'unrestricted capabilities',
      'restricted volume types',
    ]);
  });

  it('a pod with users of its own may run as root at restricted from v1.35 on', () => {
    const pod = damaged((each) => {
      onPod({ hostUsers: false })(each);
      onPodContext({ runAsNonRoot: undefined, runAsUser: 0 })(each);
    });
    expect(violationsOf(at('restricted', 34), pod)).toHaveLength(2);
    expect(violationsOf(at('restricted', 35), pod)).toEqual([]);
  });

  it('what baseline forbids, restricted forbids as well', () => {
    const damage = fc.subarray([...cases]);
    fc.assert(
      fc.property(damage, fc.integer({ min: 0, max: 40 }), (chosen, minor) => {
        const pod = damaged((each) => {
          for (const [, , , apply] of chosen) apply(each);
        });
        if (violationsOf(at('baseline', minor), pod).length > 0)
          expect(violationsOf(at('restricted', minor), pod).length).toBeGreaterThan(0);
      }),
    );
  });
});

describe('the labels of a namespace', () => {
  const prefix = 'pod-security.kubernetes.io/';
  const labels = (own: Record<string, string>) =>
    new Map(Object.entries(own).map(([mode, value]) => [`${prefix}${mode}`, value]));

  it('name a level and a version for each mode', () => {
    expect(
      readPolicy(labels({ enforce: 'baseline', warn: 'restricted', 'warn-version': 'v1.25' }), defaultPolicy),
    ).toEqual({
      enforce: latest('baseline'),
      audit: latest('privileged'),
      warn: at('restricted', 25),
    });
  });

  it('that say nothing known enforce the strictest and neither audit nor warn', () => {
    const bad = labels({ enforce: 'x', audit: 'x', warn: 'x', 'enforce-version': '1.25' });
    expect(readPolicy(bad, defaultPolicy)).toEqual({
      enforce: latest('restricted'),
      audit: latest('privileged'),
      warn: latest('privileged'),
    });
    expect(policyProblems(bad).map(({ message }) => message)).toEqual([
      'Invalid value: "x": must be one of privileged, baseline, restricted',
      'Invalid value: "1.25": must be "latest" or "v1.x"',
      'Invalid value: "x": must be one of privileged, baseline, restricted',
      'Invalid value: "x": must be one of privileged, baseline, restricted',
    ]);
  });
});
