/**
 * The remote command protocol over WebSockets: the first byte of a message names the stream.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/ (v5.channel.k8s.io, KEP-4006)
 */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** Best first. `v5` adds the close channel, `v4` the structured error, the plain one has neither. */
export const streamProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io', 'channel.k8s.io'] as const;
export type StreamProtocol = (typeof streamProtocols)[number];

export function chooseProtocol(offered: Iterable<string>): StreamProtocol | undefined {
  const all = new Set(offered);
  return streamProtocols.find((protocol) => all.has(protocol));
}

export function toMessage(channel: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([channel]), data]);
}

/** How a command ended, for the error channel. */
export function exitStatus(exitCode: number, command: readonly string[]): object {
  if (exitCode === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: error executing command [${command.join(' ')}], exit code ${exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(exitCode) }] },
  };
}

export function failureStatus(message: string): object {
  return { metadata: {}, status: 'Failure', message, reason: 'InternalError', code: 500 };
}

/** The plain protocol has no structure in its errors, and no success. */
export function errorText(status: object, protocol: StreamProtocol): string | undefined {
  if (protocol !== 'channel.k8s.io') return JSON.stringify(status);
  const message: unknown = Reflect.get(status, 'message');
  return typeof message === 'string' ? message : undefined;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

/** `{"Width":80,"Height":24}`; undefined for anything else. */
export function parseResize(data: Buffer): TerminalSize | undefined {
  try {
    const parsed: unknown = JSON.parse(data.toString());
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const rows: unknown = Reflect.get(parsed, 'Height');
    const columns: unknown = Reflect.get(parsed, 'Width');
    return typeof rows === 'number' && typeof columns === 'number' ? { rows, columns } : undefined;
  } catch (error) {
    // A client's malformed message is no reason to end its session.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
