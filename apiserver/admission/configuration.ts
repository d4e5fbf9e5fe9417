import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseYaml } from '../decode/yaml-text.ts';
import { defaultPolicy, type Policy, policyProblems, readPolicy } from './pod-security/policy.ts';

/** Who and what is not judged. @see pod-security.admission.config.k8s.io PodSecurityConfiguration */
export interface Exemptions {
  readonly usernames: readonly string[];
  readonly runtimeClasses: readonly string[];
  readonly namespaces: readonly string[];
}

export interface PodSecurityConfiguration {
  /** For what a namespace's labels do not say. */
  readonly defaults: Policy;
  readonly exemptions: Exemptions;
}

/** What an administrator may set of the plugins. */
export interface AdmissionConfiguration {
  readonly podSecurity: PodSecurityConfiguration;
}

/** A configuration file that cannot be used. */
export class AdmissionConfigurationError extends Error {
  readonly code = 'BAD_ADMISSION_CONFIGURATION';
}

const nobody: Exemptions = { usernames: [], runtimeClasses: [], namespaces: [] };

export const defaultConfiguration: AdmissionConfiguration = {
  podSecurity: { defaults: defaultPolicy, exemptions: nobody },
};

type Fields = Readonly<Record<string, unknown>>;

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? { ...value } : {};

/**
 * Reads a file of kind `AdmissionConfiguration` as Kubernetes' `--admission-control-config-file` does; of its plugins
 * `PodSecurity` can be configured. @throws AdmissionConfigurationError
 */
export function readAdmissionConfiguration(file: string): AdmissionConfiguration {
  const root = readYaml(file);
  if (root['kind'] !== 'AdmissionConfiguration')
    throw new AdmissionConfigurationError(`${file}: its kind must be AdmissionConfiguration`);
  const plugins = Array.isArray(root['plugins']) ? root['plugins'].map(fieldsOf) : [];
  let { podSecurity } = defaultConfiguration;
  for (const plugin of plugins) {
    if (plugin['name'] !== 'PodSecurity')
      throw new AdmissionConfigurationError(`${file}: plugin ${String(plugin['name'])} has no configuration`);
    const path = plugin['path'];
    const own =
      typeof path === 'string' ? readYaml(resolve(dirname(file), path)) : fieldsOf(plugin['configuration']);
    podSecurity = toPodSecurity(file, own);
  }
  return { podSecurity };
}

function readYaml(file: string): Fields {
  try {
    return fieldsOf(parseYaml(readFileSync(file, 'utf8')));
  } catch (cause) {
    throw new AdmissionConfigurationError(`read admission configuration ${file}: ${String(cause)}`, {
      cause,
    });
  }
}

function toPodSecurity(file: string, fields: Fields): PodSecurityConfiguration {
  if (fields['kind'] !== 'PodSecurityConfiguration')
    throw new AdmissionConfigurationError(`${file}: PodSecurity needs a PodSecurityConfiguration`);
  const labels = new Map(
    Object.entries(fieldsOf(fields['defaults'])).map(([mode, value]) => [
      `pod-security.kubernetes.io/${mode}`,
      String(value),
    ]),
  );
  const [problem] = policyProblems(labels);
  if (problem !== undefined)
    throw new AdmissionConfigurationError(`${file}: defaults: ${problem.field}: ${problem.message}`);
  const exemptions = fieldsOf(fields['exemptions']);
  const names = (key: keyof Exemptions): readonly string[] => {
    const list = exemptions[key];
    return Array.isArray(list) ? list.map(String) : [];
  };
  return {
    defaults: readPolicy(labels, defaultPolicy),
    exemptions: {
      usernames: names('usernames'),
      runtimeClasses: names('runtimeClasses'),
      namespaces: names('namespaces'),
    },
  };
}
