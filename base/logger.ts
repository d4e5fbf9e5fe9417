import pino from 'pino';

/** Values beside a message. An `Error` under `err` is logged with its stack and cause. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Structured log, one JSON line per entry. Messages are constant; what varies goes into the fields. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  /** A logger that adds `fields` to every entry. */
  child(fields: LogFields): Logger;
}

/** Logs to standard error, synchronously: the last lines before a crash are the ones that matter. */
export function createLogger(options: { readonly component: string; readonly level?: string }): Logger {
  return pino(
    { name: options.component, level: options.level ?? 'info', timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: true }),
  );
}

/** Discards everything. For tests. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};
