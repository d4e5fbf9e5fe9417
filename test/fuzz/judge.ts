import { parse } from 'yaml';
import { isProtobuf, readProtobuf, readProtobufFrames } from './protobuf-answers.ts';
import type { FuzzRequest } from './requests.ts';
import type { FuzzAnswer } from './senders.ts';

/** The HTTP status of every reason. @see meta/v1 StatusReason */
const codes: Readonly<Record<string, readonly number[]>> = {
  BadRequest: [400],
  Unauthorized: [401],
  Forbidden: [403],
  NotFound: [404],
  MethodNotAllowed: [405],
  NotAcceptable: [406],
  AlreadyExists: [409],
  Conflict: [409],
  Gone: [410],
  Expired: [410],
  RequestEntityTooLarge: [413],
  UnsupportedMediaType: [415],
  Invalid: [422],
  TooManyRequests: [429],
  Timeout: [504],
  ServiceUnavailable: [503],
};

/**
 * Failures that a real API server of Kubernetes 1.36 answers with 500 and without a reason, as recorded in
 * `test/parity/expected`: they are answers to a request that was understood, and clients know them so.
 */
const kubernetesOwn: readonly RegExp[] = [
  /strconv\.ParseUint: parsing /,
  /^resourceVersion should not be set on objects to be created$/,
  /^failed to create typed patch object /,
  /^target\.(?:name|kind): /,
  /^Component not found: /,
  /does not contain declared merge key: /,
];

/** The test's agent ends connections without a word, and a node may have no address at which to ask it. */
const agentsFault =
  /Internal error occurred: (?:ask the node's agent: socket hang up|no preferred addresses found)/;

/** Whether a line of the server's log tells of what is not its own fault. */
export const isAgentsFault = (line: string): boolean => agentsFault.test(line);
/** A Service without pods cannot be reached through the server. */
const allowed503 = /^no endpoints available for service /;
/** Justified 5xx: the version asked for is not there yet. */
const allowed504 = /^Timeout: Too large resource version: /;

/** What is wrong with an answer; nothing when it is in order. */
export function objectionTo(request: FuzzRequest, answer: FuzzAnswer): string | undefined {
  if (answer.status === 0) return 'the connection ended without an answer';
  if (answer.status >= 200 && answer.status < 400) return objectionToSuccess(request, answer);
  // A head alone does not tell which of Kubernetes' own failures it is.
  if (request.method === 'HEAD')
    return answer.status >= 500 && !/resourceVersion|\/log/.test(request.path)
      ? `status ${answer.status}`
      : undefined;
  return objectionToFailure(answer);
}

function objectionToSuccess(request: FuzzRequest, answer: FuzzAnswer): string | undefined {
  if (request.method === 'HEAD' || answer.status === 304) return undefined;
  if (isProtobuf(answer.contentType)) return objectionToProtobuf(answer);
  if (answer.isOpen) return undefined;
  if (!answer.contentType.startsWith('application/json')) return undefined;
  try {
    for (const line of request.path.includes('watch') ? lines(answer.body) : [answer.body.toString()])
      JSON.parse(line);
    return undefined;
  } catch (error) {
    return `a body that is no JSON: ${String(error)}`;
  }
}

function objectionToProtobuf({ contentType, body, isOpen }: FuzzAnswer): string | undefined {
  try {
    if (!contentType.endsWith('stream=watch')) {
      const { kind } = readProtobuf(body);
      return kind === '' ? 'a message without a kind' : undefined;
    }
    const { events, rest } = readProtobufFrames(body);
    const odd = events.find(({ type, object }) => !eventTypes.has(type) || object['kind'] === '');
    if (odd !== undefined) return `an event that is none: ${JSON.stringify(odd)}`;
    return isOpen || rest.length === 0 ? undefined : `${rest.length} bytes behind the last frame`;
  } catch (error) {
    return `a body that is no protobuf: ${String(error)}`;
  }
}

const eventTypes: ReadonlySet<string> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

const lines = (body: Buffer): string[] =>
  body
    .toString()
    .split('\n')
    .filter((line) => line !== '');

function objectionToFailure({ status, contentType, body }: FuzzAnswer): string | undefined {
  const text = body.toString();
  // What is about no resource is told as text.
  if (contentType.startsWith('text/plain') && status === 404) return undefined;
  if (text === '') return status < 500 ? undefined : `status ${status} without a body`;
  let told: Record<string, unknown>;
  try {
    told = isProtobuf(contentType)
      ? readProtobuf(body)
      : ((contentType.startsWith('application/yaml') ? parse(text) : JSON.parse(text)) as typeof told);
  } catch {
    // Said below, with the status.
    return `status ${status} with a body that cannot be read: ${text.slice(0, 200)}`;
  }
  const { kind, apiVersion, code, reason = '', message = '' } = told;
  if (kind !== 'Status' || apiVersion !== 'v1' || told['status'] !== 'Failure')
    return `status ${status}, no Status: ${text}`;
  if (code !== status) return `code ${String(code)} in an answer of status ${status}`;
  if (typeof message !== 'string' || message === '') return `status ${status} without a message`;
  if (status >= 500)
    return isJustified(status, String(reason), message) ? undefined : `status ${status}: ${message}`;
  if (reason !== '' && codes[String(reason)]?.includes(status) !== true)
    return `reason ${String(reason)} with ${status}`;
  return undefined;
}

function isJustified(status: number, reason: string, message: string): boolean {
  if (status === 500 && agentsFault.test(message)) return true;
  if (status === 500) return reason === '' && kubernetesOwn.some((pattern) => pattern.test(message));
  if (status === 503) return allowed503.test(message);
  return status === 504 && allowed504.test(message);
}
