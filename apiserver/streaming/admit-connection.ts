import type { AnyObject } from '../../api/kind-info.ts';
import { toAttributes } from '../admission/admission.ts';
import type { RequestInfo } from '../http/request-info.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';
import type { ObjectStore } from '../store/object-store.ts';

const optionKinds: Readonly<Record<string, string>> = {
  exec: 'PodExecOptions',
  attach: 'PodAttachOptions',
  portforward: 'PodPortForwardOptions',
};

export interface Connection {
  readonly strategy: KindStrategy;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly user: UserInfo;
}

/** Admission sees who connects to what, and with which options. @throws StatusError when it refuses */
export async function admitConnection(store: ObjectStore, connection: Connection): Promise<void> {
  const { strategy, info, query, user } = connection;
  const { namespace, name, subresource } = info;
  const attributes = toAttributes({
    ...{ operation: 'CONNECT', strategy, namespace, name, subresource, user, dryRun: false },
    ...{ object: optionsOf(subresource, query), previous: undefined },
  });
  const { admission } = store.dependencies;
  await admission.mutate(attributes);
  await admission.validate(attributes);
}

/** The query as the object that Kubernetes makes of it. */
function optionsOf(subresource: string, query: URLSearchParams): AnyObject {
  const flags = ['stdin', 'stdout', 'stderr', 'tty'].filter((name) => query.get(name) === 'true');
  const metadata = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };
  return {
    ...{ apiVersion: 'v1', kind: optionKinds[subresource] ?? '', metadata },
    ...Object.fromEntries(flags.map((name) => [name, true])),
    ...(query.has('container') ? { container: query.get('container') } : {}),
    ...(query.has('command') ? { command: query.getAll('command') } : {}),
    ...(query.has('ports') ? { ports: query.getAll('ports').map(Number) } : {}),
  };
}
