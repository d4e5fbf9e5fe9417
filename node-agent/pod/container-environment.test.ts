import { describe, expect, it } from 'vitest';
import type { Container, Service } from '../../api/generated/core-v1.ts';
import { containerEnvironment, type EnvironmentContext, envFilesOf } from './container-environment.ts';
import { aContainer, aPod } from './test-pod.ts';

const meta = { uid: '', resourceVersion: '1', creationTimestamp: '' };
const service: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { ...meta, name: 'my-db', namespace: 'default' },
  spec: { clusterIP: '10.96.0.7', ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] },
};

function contextOf(more: Partial<EnvironmentContext> = {}): EnvironmentContext {
  return {
    pod: aPod({}, { labels: { tier: 'web' } }),
    podIps: ['10.244.1.2'],
    hostIps: ['192.0.2.1'],
    nodeName: 'host-1',
    allocatable: { cpu: '2', memory: '4Gi' },
    services: [],
    objects: {
      configMap: (name) =>
        name === 'config'
          ? { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...meta, name }, data: { a: '1', b: '2' } }
          : undefined,
      secret: () => undefined,
    },
    ...more,
  };
}

const variables = (
  container: Partial<Container>,
  more: Partial<EnvironmentContext> = {},
): Record<string, string> => Object.fromEntries(containerEnvironment(aContainer(container), contextOf(more)));

describe('containerEnvironment', () => {
  it('takes variables from files of volumes, which may be missing where they are optional', () => {
    const file = { volumeName: 'v', path: 'a/x.env' };
    const env = [
      { name: 'ONE', valueFrom: { fileKeyRef: { ...file, key: 'A' } } },
      { name: 'TWO', valueFrom: { fileKeyRef: { ...file, key: 'NONE', optional: true } } },
      { name: 'THREE', valueFrom: { fileKeyRef: { ...file, path: 'none', key: 'A', optional: true } } },
    ];
    const envFiles = new Map([['v/a/x.env', 'A=1\n']]);
    expect(variables({ env }, { envFiles })).toEqual({ ONE: '1' });
    expect(envFilesOf(aContainer({ env }))).toHaveLength(3);
    expect(() => variables({ env })).toThrow("couldn't find file a/x.env");
    const missing = { name: 'M', valueFrom: { fileKeyRef: { ...file, key: 'B' } } };
    expect(() => variables({ env: [missing] }, { envFiles })).toThrow(
      'environment variable key "B" not found in file "a/x.env"',
    );
  });

  it('takes envFrom with its prefix first, then env, which may refer to what stands before', () => {
    const found = variables({
      envFrom: [{ prefix: 'C_', configMapRef: { name: 'config' } }],
      env: [
        { name: 'X', value: '$(C_a)-$(LATER)-$$(C_a)' },
        { name: 'LATER', value: 'late' },
        { name: 'C_b', value: 'own' },
      ],
    });
    expect(found).toEqual({ C_a: '1', C_b: 'own', X: '1-$(LATER)-$(C_a)', LATER: 'late' });
  });

  it('knows the pod, the node and resources', () => {
    const field = (fieldPath: string) => ({ valueFrom: { fieldRef: { fieldPath } } });
    const resource = (name: string, divisor?: string) => ({
      valueFrom: { resourceFieldRef: { resource: name, divisor } },
    });
    const found = variables({
      resources: { limits: { cpu: '1500m' } },
      env: [
        { name: 'IP', ...field('status.podIP') },
        { name: 'HOST', ...field('status.hostIP') },
        { name: 'TIER', ...field("metadata.labels['tier']") },
        { name: 'CPU', ...resource('limits.cpu') },
        { name: 'MILLIS', ...resource('limits.cpu', '1m') },
        { name: 'MEMORY', ...resource('limits.memory', '1Mi') },
      ],
    });
    expect(found).toEqual({
      IP: '10.244.1.2',
      HOST: '192.0.2.1',
      TIER: 'web',
      CPU: '2',
      MILLIS: '1500',
      MEMORY: '4096',
    });
  });

  it('names what is missing in the words of the kubelet', () => {
    const key = (name: string, wanted: string, optional?: boolean) => ({
      env: [{ name: 'V', valueFrom: { configMapKeyRef: { name, key: wanted, optional } } }],
    });
    expect(() => variables(key('none', 'a'))).toThrow('configmap "none" not found');
    expect(() => variables(key('config', 'z'))).toThrow("couldn't find key z in ConfigMap default/config");
    expect(variables(key('config', 'z', true))).toEqual({});
    expect(() => variables({ envFrom: [{ secretRef: { name: 's' } }] })).toThrow('secret "s" not found');
  });

  it('tells of services unless the pod does not want to know', () => {
    const found = variables({}, { services: [service] });
    expect(found).toMatchObject({
      MY_DB_SERVICE_HOST: '10.96.0.7',
      MY_DB_SERVICE_PORT: '5432',
      MY_DB_SERVICE_PORT_SQL: '5432',
      MY_DB_PORT_5432_TCP: 'tcp://10.96.0.7:5432',
    });
    expect(variables({}, { services: [service], pod: aPod({ enableServiceLinks: false }) })).toEqual({});
  });
});
