import { hash } from 'node:crypto';
import type { UserInfo } from '../registry/strategy.ts';
import type { Reviewed, TokenAuthenticator } from './authenticator.ts';

/**
 * Tokens of a file: lines of `token,user,uid[,"group1,group2"]`. They are kept and found by their hashes, so that the time of a look-up
 * tells nothing about them.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
 */
export class StaticTokens implements TokenAuthenticator {
  readonly #users: ReadonlyMap<string, UserInfo>;
  readonly #apiAudiences: readonly string[];

  /** @throws TypeError naming the line that is no token's */
  constructor(text: string, apiAudiences: readonly string[]) {
    const lines = text.split('\n').map((line, index) => ({ line: line.trim(), number: index + 1 }));
    this.#users = new Map(lines.filter(({ line }) => line !== '').map(entryOf));
    this.#apiAudiences = apiAudiences;
  }

  async authenticate(token: string, audiences: readonly string[]): Promise<Reviewed | undefined> {
    const user = this.#users.get(idOf(token));
    const shared = this.#apiAudiences.filter((audience) => audiences.includes(audience));
    return user === undefined || shared.length === 0 ? undefined : { user, audiences: shared };
  }
}

const idOf = (token: string): string => hash('sha256', token, 'base64');

function entryOf({ line, number }: { readonly line: string; readonly number: number }): [string, UserInfo] {
  const [token = '', name = '', uid = '', groups = ''] = fieldsOf(line);
  if (token === '' || name === '')
    throw new TypeError(`token file, line ${number}: needs a token, a user and a uid`);
  const list = groups.split(',').map((group) => group.trim());
  return [idOf(token), { name, uid, groups: list.filter((group) => group !== ''), extra: {} }];
}

/** A field with commas stands in quotes. */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/\s*(?:"([^"]*)"|([^,]*))\s*(?:,|$)/g)].map(
    (found) => found[1] ?? found[2]?.trim() ?? '',
  );
}
