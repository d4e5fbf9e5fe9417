/** What a caller of the runtime can tell apart. See the design document for each. */
export type RuntimeErrorCode =
  | 'SANDBOX_NOT_FOUND'
  | 'SANDBOX_NOT_READY'
  | 'CONTAINER_NOT_FOUND'
  | 'CONTAINER_RUNNING'
  | 'CONTAINER_NOT_RUNNING'
  | 'CONTAINER_NOT_CREATED'
  | 'CONTAINER_NO_STDIN';

export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
