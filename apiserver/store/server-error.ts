import { StatusError } from '../../api/status-error.ts';

/** Kubernetes answers some mistakes of clients with 500 and no reason; clients rely on the text. */
export const serverError = (message: string): StatusError =>
  new StatusError({ reason: '', code: 500, message });
