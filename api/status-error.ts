/** One reason why an object was refused. @see meta/v1 StatusCause */
export interface StatusCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

export interface StatusDetails {
  readonly name?: string;
  readonly group?: string;
  readonly kind?: string;
  readonly uid?: string;
  readonly causes?: readonly StatusCause[];
  readonly retryAfterSeconds?: number;
}

/** The wire form of every API failure. @see meta/v1 Status */
export interface StatusBody {
  readonly kind: 'Status';
  readonly apiVersion: 'v1';
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly status: 'Success' | 'Failure';
  readonly message?: string;
  readonly reason?: string;
  readonly details?: StatusDetails;
  readonly code?: number;
}

/** The only error that crosses the API, on the server and in the client. `code` is the HTTP status. */
export class StatusError extends Error {
  readonly reason: string;
  readonly code: number;
  readonly details: StatusDetails | undefined;

  constructor(options: {
    reason: string;
    code: number;
    message: string;
    details?: StatusDetails;
    cause?: unknown;
  }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StatusError';
    this.reason = options.reason;
    this.code = options.code;
    this.details = options.details;
  }

  toBody(): StatusBody {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: this.details }),
      code: this.code,
    };
  }
}

const hasReason = (error: unknown, reason: string): boolean =>
  error instanceof StatusError && error.reason === reason;

export const isNotFound = (error: unknown): boolean => hasReason(error, 'NotFound');
export const isConflict = (error: unknown): boolean => hasReason(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => hasReason(error, 'AlreadyExists');
export const isInvalid = (error: unknown): boolean => hasReason(error, 'Invalid');
export const isForbidden = (error: unknown): boolean => hasReason(error, 'Forbidden');
/** 410: the resourceVersion or continue token is too old. */
export const isExpired = (error: unknown): boolean => hasReason(error, 'Expired') || hasReason(error, 'Gone');

/** A kind as error messages name it: `pods`, `deployments.apps`. */
export interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

export const qualifiedResource = (type: ResourceName): string =>
  type.group === '' ? type.plural : `${type.plural}.${type.group}`;

const named = (type: ResourceName, name: string): StatusDetails => ({
  name,
  ...(type.group === '' ? {} : { group: type.group }),
  kind: type.plural,
});

export function notFound(type: ResourceName, name: string): StatusError {
  return new StatusError({
    reason: 'NotFound',
    code: 404,
    message: `${qualifiedResource(type)} "${name}" not found`,
    details: named(type, name),
  });
}

export function alreadyExists(type: ResourceName, name: string): StatusError {
  return new StatusError({
    reason: 'AlreadyExists',
    code: 409,
    message: `${qualifiedResource(type)} "${name}" already exists`,
    details: named(type, name),
  });
}

export function conflict(type: ResourceName, name: string, why: string): StatusError {
  return new StatusError({
    reason: 'Conflict',
    code: 409,
    message: `Operation cannot be fulfilled on ${qualifiedResource(type)} "${name}": ${why}`,
    details: named(type, name),
  });
}

export function badRequest(message: string): StatusError {
  return new StatusError({ reason: 'BadRequest', code: 400, message });
}

export function forbidden(type: ResourceName, name: string, why: string): StatusError {
  return new StatusError({
    reason: 'Forbidden',
    code: 403,
    message: `${qualifiedResource(type)} ${name === '' ? '' : `"${name}" `}is forbidden: ${why}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(type.group === '' ? {} : { group: type.group }),
      kind: type.plural,
    },
  });
}

export function expired(message: string): StatusError {
  return new StatusError({ reason: 'Expired', code: 410, message });
}

export function internalError(cause: unknown): StatusError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return new StatusError({
    reason: 'InternalError',
    code: 500,
    message: `Internal error occurred: ${message}`,
    details: { causes: [{ message }] },
    cause,
  });
}
