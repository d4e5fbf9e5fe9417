import type { ApiObject } from '../api/kind-info.ts';
import type { StatusBody } from '../api/status-error.ts';
import { messageOf } from '../base/invariant.ts';
import type { RawRequest, WatchEvent } from './client.ts';
import { LineSplitter } from './line-splitter.ts';
import { decodeJson, fromStatus, toStatusError } from './response.ts';
import type { BodyStream, RequestTransport } from './transport.ts';
import { TransportError } from './transport-error.ts';

/** One line of a watch. Who reads the same lines thousands of times decodes them once. */
export type DecodeLine = <V>(request: Pick<RawRequest, 'method' | 'path'>, line: string) => V;

type WireEvent<T> = WatchEvent<T> | { readonly type: 'ERROR'; readonly object: Partial<StatusBody> };

/** Reads one watch stream, with back-pressure. Ends when the server ends it or `signal` aborts. */
export async function* readWatch<T extends ApiObject>(
  transport: RequestTransport,
  request: RawRequest,
  signal: AbortSignal,
  decode: DecodeLine = decodeJson,
): AsyncGenerator<WatchEvent<T>> {
  try {
    const { status, stream } = await transport.open(request, signal);
    try {
      if (status !== 200) throw toStatusError(request, { status, body: await readAll(stream) });
      yield* readEvents<T>(request, stream, decode);
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
  decode: DecodeLine,
): AsyncGenerator<WatchEvent<T>> {
  const splitter = new LineSplitter();
  for await (const chunk of chunksOf(request, stream)) {
    for (const line of splitter.push(chunk)) {
      const event: WireEvent<T> = decode(request, line);
      if (event.type === 'ERROR') throw fromStatus(event.object);
      yield event;
    }
  }
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
