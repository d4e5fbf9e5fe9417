import { badRequest, StatusError } from '../../api/status-error.ts';

/** Where a list goes on: the state at `version` behind `after`. Version -1: the present state, whatever it is. */
export interface ContinueToken {
  readonly version: number;
  readonly after: string;
  /** When the list began; not told of tokens without a version. */
  readonly begunMs: number | undefined;
}

/**
 * A list that goes on later than this does so in the present state, as in Kubernetes, whose store forgets: how long the
 * state of a kind that nobody changes stays known here is nothing that a client can see.
 */
const consistentForMs = 300_000;

const tokenVersion = 'meta.k8s.io/v1';

export function encodeContinue(token: ContinueToken): string {
  const fields = { v: tokenVersion, rv: token.version, start: token.after, at: token.begunMs };
  return Buffer.from(JSON.stringify(fields)).toString('base64url');
}

const invalid = (why: string): never => {
  throw badRequest(`invalid continue token: continue key is not valid: ${why}`);
};

/** Go's JSON decoder names the first character that does not fit. */
function quotedByte(byte: number): string {
  if (byte >= 0x20 && byte < 0x7f) return `'${String.fromCharCode(byte)}'`;
  return `'\\u${byte.toString(16).padStart(4, '0')}'`;
}

/** @throws StatusError 400 when it is not one of ours, or lies outside `prefix`, 410 when it is too old. */
export function decodeContinue(text: string, prefix: string, nowMs: number): ContinueToken {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.length === 0 || !/^[A-Za-z0-9_-]*={0,2}$/.test(text))
    invalid('illegal base64 data at input byte 0');
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString());
  } catch {
    // Not JSON: say so as Kubernetes does.
    invalid(`invalid character ${quotedByte(bytes[0] ?? 0)} looking for beginning of value`);
  }
  const token = parsed as { v?: unknown; rv?: unknown; start?: unknown; at?: unknown } | null;
  if (token?.v !== tokenVersion)
    throw badRequest(
      'invalid continue token: continue key is not valid: server does not recognize this encoded version',
    );
  const { rv, start, at } = token;
  if (typeof rv !== 'number' || rv === 0 || typeof start !== 'string')
    throw badRequest(
      'invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    );
  if (!start.startsWith(prefix)) invalid(`${JSON.stringify(start)}`);
  const begunMs = typeof at === 'number' ? at : undefined;
  if (begunMs !== undefined && nowMs - begunMs > consistentForMs) throw new ExpiredContinue(start);
  return { version: rv, after: start, begunMs };
}

/** The answer to a token whose state is gone carries one with which the list may go on inconsistently. */
export class ExpiredContinue extends StatusError {
  readonly continueToken: string;

  constructor(after: string) {
    super({
      reason: 'Expired',
      code: 410,
      message:
        'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    });
    this.continueToken = encodeContinue({ version: -1, after, begunMs: undefined });
  }
}
