import { type StatusBody, StatusError } from '../api/status-error.ts';
import { messageOf } from '../base/invariant.ts';
import type { RawRequest, RawResponse } from './client.ts';
import { TransportError } from './transport-error.ts';

/** @throws TransportError when the body is not JSON: whoever answered was not the API. */
export function decodeJson<V>(request: Pick<RawRequest, 'method' | 'path'>, body: Buffer | string): V {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new TransportError(`${request.method} ${request.path}: answer is not JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** What a status code means when nothing else is said. @see apimachinery NewGenericServerResponse */
const reasons: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

/** An answer that is no success as the error to throw; also when its body is not a Status. */
export function toStatusError(
  request: Pick<RawRequest, 'method' | 'path'>,
  response: Pick<RawResponse, 'status' | 'body'>,
): StatusError {
  const status = parseStatus(response.body);
  if (status !== undefined) return fromStatus(status, response.status);
  const text = response.body.toString().trim().slice(0, 300);
  return new StatusError({
    reason: reasons[response.status] ?? 'Unknown',
    code: response.status,
    message: `${request.method} ${request.path}: the server answered ${response.status}${text === '' ? '' : `: ${text}`}`,
  });
}

/** A Status object, e.g. of a watch's ERROR event, as an error. */
export function fromStatus(status: Partial<StatusBody>, httpStatus = 500): StatusError {
  return new StatusError({
    reason: status.reason ?? 'Unknown',
    code: status.code ?? httpStatus,
    message: status.message ?? `the server answered ${status.code ?? httpStatus}`,
    ...(status.details === undefined ? {} : { details: status.details }),
  });
}

function parseStatus(body: Buffer): Partial<StatusBody> | undefined {
  try {
    const parsed: Partial<StatusBody> | null = JSON.parse(body.toString());
    return parsed?.kind === 'Status' ? parsed : undefined;
  } catch {
    // Not JSON, so not a Status: a proxy's page, or nothing.
    return undefined;
  }
}
