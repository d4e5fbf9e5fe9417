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
