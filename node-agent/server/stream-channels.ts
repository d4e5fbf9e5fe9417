/**
 * The remote command protocol over WebSockets: the first byte of a message names the stream.
 * @see https://kubernetes.io/docs/reference/kubernetes-api/ (v5.channel.k8s.io, KEP-4006)
 */
export const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/**
 * Best first. `v5` adds the close channel, `v4` the structured error, the plain one has neither. In the base64 forms a
 * message is text: the channel as a digit, then the content encoded.
 */
export const streamProtocols = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
] as const;

/** How messages of one protocol are made and read. */
export interface ChannelCodec {
  encode(channel: number, data: Buffer): Buffer | string;
  /** The channel is -1 when the message names none. */
  decode(message: Buffer): { readonly channel: number; readonly data: Buffer };
}

const zero = 0x30;

const binaryCodec: ChannelCodec = {
  encode: (channel, data) => Buffer.concat([Buffer.from([channel]), data]),
  decode: (message) => ({ channel: message[0] ?? -1, data: message.subarray(1) }),
};

const base64Codec: ChannelCodec = {
  encode: (channel, data) => `${channel}${data.toString('base64')}`,
  decode: (message) => ({
    channel: message.length === 0 ? -1 : (message[0] ?? 0) - zero,
    data: Buffer.from(message.toString('latin1', 1), 'base64'),
  }),
};

export function codecOf(protocol: string): ChannelCodec {
  return protocol.includes('base64') ? base64Codec : binaryCodec;
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

/** Before version 4 errors have no structure, and success says nothing. */
export function errorText(status: object, protocol: string): string | undefined {
  if (/^v[45]\./.test(protocol)) return JSON.stringify(status);
  if (Reflect.get(status, 'status') === 'Success') return undefined;
  const message: unknown = Reflect.get(status, 'message');
  return typeof message === 'string' ? message : undefined;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
}

const maxTerminalSize = 65_535;

/** `{"Width":80,"Height":24}`; undefined for anything else. */
export function parseResize(data: Buffer): TerminalSize | undefined {
  try {
    const parsed: unknown = JSON.parse(data.toString());
    if (typeof parsed !== 'object' || parsed === null) return undefined;
    const rows: unknown = Reflect.get(parsed, 'Height');
    const columns: unknown = Reflect.get(parsed, 'Width');
    return isSize(rows) && isSize(columns) ? { rows, columns } : undefined;
  } catch (error) {
    // A client's malformed message is no reason to end its session.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isSize(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= maxTerminalSize;
}
