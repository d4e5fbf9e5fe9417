import { parse } from 'yaml';
import { parseKey } from '../keys.ts';

/** One key of the configuration. */
export interface EncryptionKey {
  readonly name: string;
  /** 16, 24 or 32 bytes; what values are encrypted with is derived from it. */
  readonly secret: Buffer;
}

/** One way to store a value. `identity`: as it is. */
export type EncryptionProvider =
  | { readonly type: 'identity' }
  | { readonly type: 'aesgcm'; readonly key: EncryptionKey };

export interface EncryptionRule {
  /** Kubernetes' names: `secrets`, `deployments.apps`, `*.apps`, `*.` (the core group), `*.*`. */
  readonly resources: readonly string[];
  /** Not empty. The first is written with, all are read with. */
  readonly providers: readonly EncryptionProvider[];
}

/** What is wrong with the file, in one line that names the field. */
export class EncryptionConfigurationError extends Error {
  readonly code = 'BAD_ENCRYPTION_CONFIGURATION';
}

const maxKeys = 64;
const maxNameBytes = 63;
const apiVersions: readonly unknown[] = ['apiserver.config.k8s.io/v1', 'apiserver.config.k8s.io/v1beta1'];

/**
 * @param text an EncryptionConfiguration, as YAML or JSON
 * @see https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/#apiserver-config-k8s-io-v1-EncryptionConfiguration
 */
export function parseEncryptionConfiguration(text: string): EncryptionRule[] {
  const file = toRecord(readYaml(text), 'the file');
  if (!apiVersions.includes(file['apiVersion']) || file['kind'] !== 'EncryptionConfiguration')
    throw bad(`must be an EncryptionConfiguration of ${String(apiVersions[0])}`);
  const rules = toList(file['resources'], 'resources').map((entry, at) => toRule(entry, `resources[${at}]`));
  const secrets = new Map<string, Buffer>();
  for (const { key } of rules.flatMap(({ providers }) =>
    providers.filter((each) => each.type === 'aesgcm'),
  )) {
    if (!(secrets.get(key.name)?.equals(key.secret) ?? true))
      throw bad(`the key ${JSON.stringify(key.name)} is given twice with different secrets`);
    secrets.set(key.name, key.secret);
  }
  if (secrets.size > maxKeys) throw bad(`${secrets.size} keys: at most ${maxKeys} are kept`);
  return rules;
}

/** The first rule that names the resource of `key`. */
export function ruleOf(rules: readonly EncryptionRule[], key: string): EncryptionRule | undefined {
  const path = parseKey(key);
  if (path === undefined) return undefined;
  const [group = '', plural = ''] = path.resource.split('/');
  const names = [group === '' ? plural : `${plural}.${group}`, `*.${group}`, '*.*'];
  return rules.find(({ resources }) => resources.some((name) => names.includes(name)));
}

function readYaml(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    throw new EncryptionConfigurationError('the file is not YAML', { cause });
  }
}

function toRule(value: unknown, at: string): EncryptionRule {
  const entry = toRecord(value, at);
  const resources = toList(entry['resources'], `${at}.resources`).map((name) => {
    if (typeof name !== 'string' || name === '') throw bad(`${at}.resources: must be names of resources`);
    return name;
  });
  const providers = toList(entry['providers'], `${at}.providers`).flatMap((each, index) =>
    toProviders(each, `${at}.providers[${index}]`),
  );
  return { resources, providers };
}

function toProviders(value: unknown, at: string): EncryptionProvider[] {
  const provider = toRecord(value, at);
  const [type = '', ...others] = Object.keys(provider);
  if (others.length > 0) throw bad(`${at}: more than one provider in a single element`);
  if (type === 'identity') return [{ type }];
  if (type !== 'aesgcm') throw bad(`${at}: must be aesgcm or identity, not ${JSON.stringify(type)}`);
  const { keys } = toRecord(provider[type], `${at}.${type}`);
  return toList(keys, `${at}.${type}.keys`).map((key, index) => ({
    type,
    key: toKey(key, `${at}.${type}.keys[${index}]`),
  }));
}

function toKey(value: unknown, at: string): EncryptionKey {
  const { name, secret } = toRecord(value, at);
  if (typeof name !== 'string' || name === '' || Buffer.byteLength(name) > maxNameBytes)
    throw bad(`${at}.name: must have 1 to ${maxNameBytes} bytes`);
  const bytes = typeof secret === 'string' ? Buffer.from(secret, 'base64') : Buffer.alloc(0);
  if (![16, 24, 32].includes(bytes.length))
    throw bad(`${at}.secret: must be 16, 24 or 32 bytes in base64, not ${bytes.length}`);
  return { name, secret: bytes };
}

function toRecord(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw bad(`${at}: must be an object`);
  return value as Readonly<Record<string, unknown>>;
}

function toList(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length === 0) throw bad(`${at}: at least one is required`);
  return value;
}

const bad = (what: string): EncryptionConfigurationError => new EncryptionConfigurationError(what);
