import type { IncomingHttpHeaders } from 'node:http';

/** The headers of a request: by name in small letters, and as they came. */
export interface RequestHeaders {
  readonly headers: IncomingHttpHeaders;
  /** Names and values by turns. Only here are headers apart that came several times: Node joins them with commas. */
  readonly rawHeaders: readonly string[];
}

/** Every value of a header, one for each time that it came. @param name in small letters */
export function headerValues({ headers, rawHeaders }: RequestHeaders, name: string): string[] {
  if (headers[name] === undefined) return [];
  const values: string[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() === name) values.push(rawHeaders[at + 1] ?? '');
  return values;
}
