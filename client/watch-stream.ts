import type { ApiObject } from '../api/kind-info.ts';
import type { StatusBody } from '../api/status-error.ts';
import { messageOf } from '../base/invariant.ts';
import type { OwnChanges, RawRequest, WatchEvent } from './client.ts';
import { LineSplitter } from './line-splitter.ts';
import { decodeJson, fromStatus, toStatusError } from './response.ts';
import type { BodyStream, RequestTransport } from './transport.ts';
import { TransportError } from './transport-error.ts';

/** One line of a watch. Who reads the same lines thousands of times decodes them once. */
export type DecodeLine = <V>(request: Pick<RawRequest, 'method' | 'path'>, line: string) => V;

export interface ReadOptions {
  readonly decode?: DecodeLine | undefined;
  readonly own?: OwnChanges | undefined;
}

/** How our own server begins a change; of another one everything is decoded. */
const versionOfChange =
  /^\{"type":"MODIFIED","object":\{"kind":"\w+","apiVersion":"[\w./]+","metadata":\{"resourceVersion":"(\d+)"/;

type WireEvent<T> = WatchEvent<T> | { readonly type: 'ERROR'; readonly object: Partial<StatusBody> };

/** Reads one watch stream, with back-pressure. Ends when the server ends it or `signal` aborts. */
export async function* readWatch<T extends ApiObject>(
  transport: RequestTransport,
  request: RawRequest,
  signal: AbortSignal,
  options: ReadOptions = {},
): AsyncGenerator<WatchEvent<T>> {
  try {
    const { status, stream } = await transport.open(request, signal);
    try {
      if (status !== 200) throw toStatusError(request, { status, body: await readAll(stream) });
      yield* readEvents<T>(request, stream, options);
    } finally {
      stream.destroy();
    }
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
}

async function* readEvents<T extends ApiObject>(
  request: RawRequest,
  stream: BodyStream,
  { decode = decodeJson, own }: ReadOptions,
): AsyncGenerator<WatchEvent<T>> {
  const splitter = new LineSplitter();
  for await (const chunk of chunksOf(request, stream)) {
    await own?.whenAnswered();
    for (const line of splitter.push(chunk)) {
      if (own !== undefined && isOwn(line, own)) continue;
      const event: WireEvent<T> = decode(request, line);
      if (event.type === 'ERROR') throw fromStatus(event.object);
      yield event;
    }
  }
}

function isOwn(line: string, own: OwnChanges): boolean {
  const version = versionOfChange.exec(line)?.[1];
  return version !== undefined && own.takes(version);
}

async function* chunksOf(request: RawRequest, stream: BodyStream): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stream) yield chunk;
  } catch (error) {
    throw new TransportError(`${request.method} ${request.path}: ${messageOf(error)}`, { cause: error });
  }
}

async function readAll(stream: BodyStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
