/** Parameters of `/containerLogs`, as `kubectl logs` sends them. */
export interface LogQuery {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: 'stdout' | 'stderr' | undefined;
}

/** A request that cannot be answered as it is. */
export class RequestError extends Error {
  readonly code = 'AGENT_REQUEST';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** @throws RequestError */
export function parseLogQuery(query: URLSearchParams, nowMs: number): LogQuery {
  const sinceSeconds = integer(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null)
    throw new RequestError(400, 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  const sinceMs =
    sinceTime === null
      ? sinceSeconds === undefined
        ? undefined
        : nowMs - sinceSeconds * 1000
      : Date.parse(sinceTime);
  if (sinceMs !== undefined && Number.isNaN(sinceMs))
    throw new RequestError(400, `sinceTime: invalid value "${sinceTime}"`);
  const stream = query.get('stream');
  return {
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    tailLines: integer(query, 'tailLines'),
    sinceMs,
    limitBytes: integer(query, 'limitBytes'),
    stream: stream === 'Stdout' ? 'stdout' : stream === 'Stderr' ? 'stderr' : undefined,
  };
}

export function flag(query: URLSearchParams, name: string): boolean {
  const value = query.get(name);
  return value === '' || value === 'true' || value === '1';
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  const number = Number(value);
  if (!Number.isInteger(number) || number < 0)
    throw new RequestError(400, `${name}: invalid value "${value}"`);
  return number;
}
