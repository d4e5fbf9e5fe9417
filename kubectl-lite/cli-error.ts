import { StatusError } from '../api/status-error.ts';
import { messageOf } from '../base/invariant.ts';
import { TransportError } from '../client/transport-error.ts';

/** What the user did wrong, or what cannot be done: printed as it stands, without a stack. */
export class CliError extends Error {
  readonly code = 'CLI';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** `error: ...`, as kubectl begins what it finds itself. */
export function usageError(message: string): CliError {
  return new CliError(`error: ${message}`);
}

/** What kubectl prints for a failure. `doing` (`error when creating "x.yaml"`) goes before the server's message. */
export function describeFailure(error: unknown, doing?: string): string {
  if (error instanceof CliError) return error.message;
  if (error instanceof StatusError) return describeStatus(error, doing);
  if (error instanceof TransportError) return describeTransport(error);
  return `error: ${messageOf(error)}`;
}

function describeStatus(error: StatusError, doing: string | undefined): string {
  const { details, reason } = error;
  const causes = details?.causes ?? [];
  if (reason === 'Invalid' && details?.kind !== undefined && doing === undefined && causes.length > 0) {
    const subject = `The ${details.kind} "${details.name ?? ''}" is invalid`;
    const [first] = causes;
    if (causes.length === 1) return `${subject}: ${causeText(first)}`;
    return `${subject}: \n${causes.map((cause) => `* ${causeText(cause)}`).join('\n')}`;
  }
  if (reason === 'Unauthorized') return `error: You must be logged in to the server (${error.message})`;
  const named = reason === 'Unknown' || reason === '' ? '' : ` (${reason})`;
  return `Error from server${named}: ${doing === undefined ? '' : `${doing}: `}${error.message}`;
}

function causeText(cause: { readonly field?: string; readonly message?: string } | undefined): string {
  return cause?.field === undefined || cause.field === ''
    ? (cause?.message ?? '')
    : `${cause.field}: ${cause.message}`;
}

function describeTransport(error: TransportError): string {
  const server = /connect to https?:\/\/([^\s:]+:\d+|[^\s:]+)/.exec(error.message)?.[1];
  if (server !== undefined && /ECONNREFUSED/.test(error.message))
    return `The connection to the server ${server} was refused - did you specify the right host or port?`;
  return `Unable to connect to the server: ${error.message}`;
}
