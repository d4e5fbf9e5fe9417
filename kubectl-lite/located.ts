import type { AnyObject, KindInfo } from '../api/kind-info.ts';
import { CliError, usageError } from './cli-error.ts';
import { readManifests } from './manifests.ts';
import type { Session } from './session.ts';

/** An object of a file with its kind and the place where it belongs. */
export interface Located {
  readonly source: string;
  readonly object: AnyObject;
  readonly kind: KindInfo;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

/** Reads `-f` and looks up every kind before anything is written. */
export async function locateManifests(session: Session): Promise<Located[]> {
  const { flags } = session;
  const manifests = await readManifests(
    flags.list('filename'),
    flags.bool('recursive'),
    !['false', 'ignore'].includes(flags.text('validate') ?? ''),
  );
  const located: Located[] = [];
  for (const { source, object } of manifests) located.push(await locate(session, source, object));
  return located;
}

async function locate(session: Session, source: string, object: AnyObject): Promise<Located> {
  const { apiVersion, kind: kindName } = object;
  const kind = await (await session.kinds()).byKind(apiVersion, kindName);
  const metadata: { name?: string; namespace?: string } = Object(object.metadata);
  if (kind === undefined)
    throw new CliError(
      `error: resource mapping not found for name: "${metadata.name ?? ''}" namespace: "${metadata.namespace ?? ''}" from "${source}": no matches for kind "${kindName}" in version "${apiVersion}"\nensure CRDs are installed first`,
    );
  const asked = session.flags.text('namespace');
  if (
    kind.namespaced &&
    asked !== undefined &&
    metadata.namespace !== undefined &&
    metadata.namespace !== asked
  )
    throw usageError(
      `the namespace from the provided object "${metadata.namespace}" does not match the namespace "${asked}". You must pass '--namespace=${metadata.namespace}' to perform this operation.`,
    );
  const namespace = kind.namespaced ? (metadata.namespace ?? (await session.namespace())) : undefined;
  const complete: AnyObject = {
    ...object,
    metadata: { ...object.metadata, ...(namespace === undefined ? {} : { namespace }) },
  };
  return { source, object: complete, kind, namespace, name: metadata.name };
}
