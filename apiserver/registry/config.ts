import { isDeepStrictEqual } from 'node:util';
import type { ConfigMap, Secret, ServiceAccount } from '../../api/generated/core-v1.ts';
import { configmaps, secrets, serviceaccounts } from '../../api/generated/resources.ts';
import { JsonSyntaxError, parseJson } from '../decode/json-text.ts';
import { describe } from './column-descriptions.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { forbidden, invalid, required, tooLong } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { configKeyProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

const maxBytes = 1024 * 1024;

const size = (record: Readonly<Record<string, string>> | undefined): number =>
  Object.keys(record ?? {}).length;

function validateKeys(record: Readonly<Record<string, string>> | undefined, field: string): FieldError[] {
  return Object.keys(record ?? {}).flatMap((key) =>
    configKeyProblems(key).map((problem) => invalid(`${field}[${key}]`, key, problem)),
  );
}

const base64Bytes = (text: string): number => Math.floor((text.replace(/=+$/, '').length * 3) / 4);

function validateConfigMap(config: ConfigMap): FieldError[] {
  const errors: FieldError[] = [];
  let total = 0;
  for (const [key, value] of Object.entries(config.data ?? {})) {
    errors.push(...configKeyProblems(key).map((problem) => invalid(`data[${key}]`, key, problem)));
    if (config.binaryData !== undefined && Object.hasOwn(config.binaryData, key))
      errors.push(invalid(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    total += Buffer.byteLength(value);
  }
  errors.push(...validateKeys(config.binaryData, 'binaryData'));
  for (const value of Object.values(config.binaryData ?? {})) total += base64Bytes(value);
  if (total > maxBytes) errors.push(tooLong('', maxBytes));
  return errors;
}

const fixed = 'field is immutable when `immutable` is set';

interface Freezable {
  readonly immutable?: boolean | undefined;
}

/** Once `immutable` is true, neither it nor the data may change. */
function validateFrozen<T extends Freezable>(
  next: T,
  current: T,
  fields: readonly (keyof T & string)[],
): FieldError[] {
  if (current.immutable !== true) return [];
  const errors: FieldError[] = [];
  if (next.immutable !== true) errors.push(forbidden('immutable', fixed));
  for (const field of fields)
    if (!isDeepStrictEqual(next[field], current[field])) errors.push(forbidden(field, fixed));
  return errors;
}

export const configMapRules: KindRules<ConfigMap> = {
  type: configmaps,
  validate: validateConfigMap,
  validateUpdate: (next, current) => validateFrozen(next, current, ['data', 'binaryData']),
  columns: [
    nameColumn,
    column(
      'Data',
      describe('ConfigMap', 'Data'),
      (config) => size(config.data) + size(config.binaryData),
      'string',
    ),
    ageColumn,
  ],
};

const sshKey = 'ssh-privatekey';
/** Keys that a secret of a known type must have; that of SSH must not be empty either. */
const requiredKeys: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', [sshKey]],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);
const serviceAccountName = 'kubernetes.io/service-account.name';

function validateSecret(secret: Secret): FieldError[] {
  const errors = validateKeys(secret.data, 'data');
  const total = Object.values(secret.data ?? {}).reduce((sum, value) => sum + base64Bytes(value), 0);
  if (total > maxBytes) errors.push(tooLong('data', maxBytes));
  const type = secret.type ?? '';
  if (
    type === 'kubernetes.io/service-account-token' &&
    (secret.metadata.annotations?.[serviceAccountName] ?? '') === ''
  )
    errors.push(required(`metadata.annotations[${serviceAccountName}]`));
  const has = (key: string): boolean =>
    secret.data?.[key] !== undefined && (key !== sshKey || secret.data[key] !== '');
  for (const key of requiredKeys.get(type) ?? []) if (!has(key)) errors.push(required(`data[${key}]`));
  if (type === 'kubernetes.io/basic-auth' && !has('username') && !has('password'))
    errors.push(required('data[username]'), required('data[password]'));
  for (const key of ['.dockercfg', '.dockerconfigjson'])
    if ((requiredKeys.get(type) ?? []).includes(key) && has(key))
      for (const problem of jsonObjectProblems(secret.data?.[key] ?? ''))
        errors.push(invalid(`data[${key}]`, '<secret contents redacted>', problem));
  return errors;
}

/** In the words of Go's decoder. */
function jsonObjectProblems(base64: string): string[] {
  try {
    const { value } = parseJson(Buffer.from(base64, 'base64').toString('utf8'));
    if (typeof value === 'object' && !Array.isArray(value)) return [];
    const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    return [`json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`];
  } catch (error) {
    // Any text that is no JSON: that is the question.
    if (error instanceof JsonSyntaxError) return [error.message];
    throw error;
  }
}

/** Text values are what a client writes; what is kept is `data`. Mutates. */
function mergeStringData(secret: Secret): void {
  if (secret.stringData === undefined) return;
  const data = { ...secret.data };
  for (const [key, value] of Object.entries(secret.stringData))
    data[key] = Buffer.from(value).toString('base64');
  secret.data = data;
  delete secret.stringData;
}

export const secretRules: KindRules<Secret> = {
  type: secrets,
  setDefaults(secret) {
    mergeStringData(secret);
    secret.type ??= 'Opaque';
  },
  validate: validateSecret,
  validateUpdate(next, current) {
    const errors = next.type === current.type ? [] : [invalid('type', next.type, 'field is immutable')];
    return [...errors, ...validateFrozen(next, current, ['data'])];
  },
  selectableFields: { type: (secret) => secret.type ?? '' },
  columns: [
    nameColumn,
    column('Type', describe('Secret', 'Type'), (secret) => secret.type ?? ''),
    column('Data', describe('Secret', 'Data'), (secret) => size(secret.data), 'string'),
    ageColumn,
  ],
};

const mountableSecrets = 'kubernetes.io/enforce-mountable-secrets';

/** Of the secrets that an account names only the names are kept. Mutates. */
function keepNames({ secrets: references }: ServiceAccount): void {
  for (const reference of references ?? [])
    for (const key of Object.keys(reference)) if (key !== 'name') Reflect.deleteProperty(reference, key);
}

export const serviceAccountRules: KindRules<ServiceAccount> = {
  type: serviceaccounts,
  prepareForCreate: keepNames,
  prepareForUpdate: keepNames,
  warnings: ({ metadata }, previous) =>
    metadata.annotations?.[mountableSecrets] === undefined ||
    previous?.metadata.annotations?.[mountableSecrets] !== undefined
      ? []
      : [
          `metadata.annotations[${mountableSecrets}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`,
        ],
  columns: [nameColumn, ageColumn],
};
