import { readHeader } from '../envelope.ts';
import type { EtcdClient } from './etcd-client.ts';
import { GrpcError } from './grpc-error.ts';
import type { KeyValue } from './messages.ts';

/** Versions of a key that are looked through for a write of which no answer came. */
const historySteps = 16;

/** What became of a put whose answer did not arrive. */
export type WriteFate =
  | { readonly type: 'written'; readonly revision: number }
  /** Not so far; the same bytes may be written again, since they are told from others by their write id. */
  | { readonly type: 'unwritten' }
  | { readonly type: 'conflict'; readonly kv: KeyValue }
  | { readonly type: 'unknown' };

/**
 * Reads what became of a put. Its write id in the store means written, the expected revision unchanged means not
 * written; below a later version, the key's history decides while it is not compacted.
 */
export async function fateOfPut(
  client: EtcdClient,
  put: { readonly key: string; readonly expectedRevision: number; readonly writeId: Buffer },
): Promise<WriteFate> {
  let kv = (await client.range({ key: put.key })).kvs[0];
  if (kv === undefined) return { type: put.expectedRevision === 0 ? 'unwritten' : 'unknown' };
  const latest = kv;
  for (let step = 0; step < historySteps; step += 1) {
    if (kv.modRevision === put.expectedRevision)
      return step === 0 ? { type: 'unwritten' } : { type: 'conflict', kv: latest };
    const { writeId } = readHeader(put.key, kv.value);
    if (writeId.equals(put.writeId)) return { type: 'written', revision: kv.modRevision };
    if (kv.modRevision < put.expectedRevision) return { type: 'conflict', kv: latest };
    const earlier = await versionBefore(client, put.key, kv.modRevision);
    if (earlier === 'compacted') return { type: 'unknown' };
    if (earlier === undefined)
      return put.expectedRevision === 0 ? { type: 'conflict', kv: latest } : { type: 'unknown' };
    kv = earlier;
  }
  return { type: 'unknown' };
}

async function versionBefore(
  client: EtcdClient,
  key: string,
  revision: number,
): Promise<KeyValue | undefined | 'compacted'> {
  try {
    return (await client.range({ key, revision: revision - 1 })).kvs[0];
  } catch (error) {
    if (error instanceof GrpcError && error.message.includes('has been compacted')) return 'compacted';
    throw error;
  }
}
