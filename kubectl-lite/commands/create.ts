import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { AnyObject } from '../../api/kind-info.ts';
import { StatusError } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import { withLastApplied } from '../apply/last-applied.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import { type Command, dryRunFlag, fileFlags, type Invocation, outputFlag } from '../command.ts';
import { type DryRun, dryRunOf } from '../dry-run.ts';
import type { Flags } from '../flags.ts';
import { type Located, locateManifests } from '../located.ts';
import { report, writeQueryOf } from '../report.ts';

export const createCommand: Command = {
  name: 'create',
  usage:
    'create (-f FILENAME | namespace NAME | deployment NAME --image=IMAGE | configmap NAME | secret generic NAME | serviceaccount NAME)',
  summary: 'Create a resource from a file or from stdin',
  flags: [
    ...fileFlags,
    outputFlag,
    dryRunFlag,
    { name: 'validate', kind: 'text', fallback: 'strict', bare: 'strict', help: 'strict, warn or ignore' },
    { name: 'save-config', kind: 'boolean', help: 'Keep the configuration for a later apply' },
    { name: 'field-manager', kind: 'text', help: 'Name of the manager of the fields' },
    { name: 'image', kind: 'list', help: 'Images of a deployment' },
    { name: 'replicas', short: 'r', kind: 'text', fallback: '1', help: 'Replicas of a deployment' },
    { name: 'port', kind: 'text', help: 'Container port of a deployment' },
    { name: 'from-literal', kind: 'list', help: 'key=value of a config map or secret' },
    { name: 'from-file', kind: 'list', help: '[key=]path of a config map or secret' },
    { name: 'type', kind: 'text', help: 'Type of a secret' },
  ],
  async run(invocation) {
    const { session, flags, args } = invocation;
    const dryRun = dryRunOf(flags, session.io);
    const items = flags.has('filename')
      ? await locateManifests(session)
      : [await generated(invocation, args)];
    const failures: string[] = [];
    for (const item of items) {
      try {
        await createOne(invocation, item, dryRun);
      } catch (error) {
        failures.push(failureOf(item, error));
      }
    }
    if (failures.length > 0) session.io.err(`${failures.join('\n')}\n`);
    return failures.length > 0 ? 1 : undefined;
  },
};

function failureOf(item: Located, error: unknown): string {
  const isInvalid = error instanceof StatusError && error.reason === 'Invalid';
  if (item.source === '') {
    const text = describeFailure(error);
    return item.kind.kind !== 'Namespace' && text.startsWith('Error from server')
      ? text.replace(/^Error from server \(\w+\)/, `error: failed to create ${item.kind.singular}`)
      : text;
  }
  return describeFailure(error, isInvalid ? undefined : `error when creating "${item.source}"`);
}

async function createOne({ session, flags }: Invocation, item: Located, dryRun: DryRun): Promise<void> {
  const api = await session.api();
  const wanted = flags.bool('save-config') ? withLastApplied(item.object) : item.object;
  const query = writeQueryOf(session, dryRun, 'kubectl-create');
  const place = { kind: item.kind, namespace: item.namespace };
  const created = dryRun === 'client' ? wanted : await api.create(place, wanted, query);
  await report(session, item.kind, created, 'created', dryRun);
}

type Generator = (name: string, flags: Flags) => Record<string, unknown>;

const generators: Readonly<Record<string, Generator>> = {
  namespace: () => ({ apiVersion: 'v1', kind: 'Namespace' }),
  serviceaccount: () => ({ apiVersion: 'v1', kind: 'ServiceAccount' }),
  configmap: (_, flags) => ({ apiVersion: 'v1', kind: 'ConfigMap', data: dataOf(flags, false) }),
  secret: (_, flags) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    type: flags.text('type') ?? 'Opaque',
    data: dataOf(flags, true),
  }),
  deployment: toDeployment,
};

const shortNames: Readonly<Record<string, string>> = {
  ns: 'namespace',
  sa: 'serviceaccount',
  cm: 'configmap',
  deploy: 'deployment',
};

async function generated({ session, flags }: Invocation, args: readonly string[]): Promise<Located> {
  const [word = '', ...rest] = args;
  const type = shortNames[word] ?? word;
  const generate = generators[type];
  if (generate === undefined) {
    if (word !== '') throw usageError(`unknown command ${JSON.stringify(word)} for "create"`);
    throw usageError('must specify one of -f and -k');
  }
  if (type === 'secret' && rest[0] !== 'generic')
    throw usageError('only generic secrets can be created from flags');
  const names = type === 'secret' ? rest.slice(1) : rest;
  const [name] = names;
  if (name === undefined || names.length > 1)
    throw usageError(
      `exactly one NAME is required, got ${names.length}\nSee 'kubectl-lite create -h' for help and examples`,
    );
  const body = generate(name, flags);
  const kind = await (await session.kinds()).byName(type);
  const namespace = await session.namespaceFor(kind);
  const metadata = Object.assign(Object(body['metadata']), {
    name,
    ...(namespace === undefined ? {} : { namespace }),
  });
  const object: AnyObject = { apiVersion: '', kind: '', ...body, metadata };
  return { source: '', object, kind, namespace, name };
}

function dataOf(flags: Flags, encode: boolean): Record<string, string> {
  const data: Record<string, string> = {};
  const put = (key: string, value: Buffer): void => {
    if (data[key] !== undefined)
      throw usageError(`cannot add key ${key}, another key by that name already exists in Data`);
    data[key] = value.toString(encode ? 'base64' : 'utf8');
  };
  for (const literal of flags.repeated('from-literal')) {
    const equals = literal.indexOf('=');
    if (equals < 1) throw usageError(`invalid literal source ${literal}, expected key=value`);
    put(literal.slice(0, equals), Buffer.from(literal.slice(equals + 1)));
  }
  for (const source of flags.repeated('from-file')) {
    const equals = source.indexOf('=');
    const path = source.slice(equals + 1);
    try {
      put(equals < 0 ? basename(path) : source.slice(0, equals), readFileSync(path));
    } catch (error) {
      throw usageError(`error reading ${path}: ${messageOf(error)}`);
    }
  }
  return data;
}

function toDeployment(name: string, flags: Flags): Record<string, unknown> {
  const images = flags.list('image');
  if (images.length === 0) throw usageError('required flag(s) "image" not set');
  const port = flags.number('port');
  const labels = { app: name };
  const containers = images.map((image) => ({
    name: (image.split('/').at(-1) ?? '').split(/[:@]/)[0] ?? '',
    image,
    ...(port === undefined ? {} : { ports: [{ containerPort: port }] }),
  }));
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { labels },
    spec: {
      replicas: flags.number('replicas') ?? 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
}
