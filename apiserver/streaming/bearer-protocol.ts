/**
 * A page in a browser can give its WebSocket no headers, so its token comes as one of the protocols that it offers.
 * @see https://github.com/kubernetes/kubernetes/pull/47740
 */
import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

const prefix = 'base64url.bearer.authorization.k8s.io.';
const header = 'sec-websocket-protocol';

/**
 * Moves such a token to where tokens are looked for, unless one is there. Nobody behind sees it among the protocols, also
 * when it is no good: one that is malformed, comes with another, or with no protocol to speak, is not used.
 */
export function takeBearer(headers: IncomingHttpHeaders): void {
  const offered = (headers[header] ?? '').split(',').map((protocol) => protocol.trim());
  const tokens = offered.filter((protocol) => protocol.startsWith(prefix));
  if (tokens.length === 0) return;
  const spoken = offered.filter((protocol) => protocol !== '' && !protocol.startsWith(prefix));
  const [token = ''] = tokens;
  const bytes = Buffer.from(token.slice(prefix.length), 'base64url');
  if (spoken.length > 0 && tokens.length === 1 && isUtf8(bytes))
    headers.authorization ??= `Bearer ${bytes.toString()}`;
  if (spoken.length > 0) headers[header] = spoken.join(', ');
  else delete headers[header];
}
