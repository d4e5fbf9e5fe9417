import { StatusError } from '../api/status-error.ts';

/**
 * No answer came: the connection could not be made, broke, or the deadline passed. A write that ends so may or
 * may not have been carried out; read before deciding.
 */
export class TransportError extends Error {
  readonly code = 'TRANSPORT';

  constructor(message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'TransportError';
  }
}

export const isTransportError = (error: unknown): error is TransportError => error instanceof TransportError;

/** Nobody answered, or the server has too much to do or cannot reach its store: it may be asked again. */
export function isPassing(error: unknown): boolean {
  if (error instanceof TransportError) return true;
  return error instanceof StatusError && (error.code === 429 || error.code >= 500);
}
