import { timingSafeEqual } from 'node:crypto';
import type { Secret } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';
import type { Reviewed, TokenAuthenticator } from './authenticator.ts';

const pattern = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const secretType = 'bootstrap.kubernetes.io/token';
const bootstrappers = 'system:bootstrappers';

interface BootstrapToken {
  readonly secret: Buffer;
  /** Never, when the Secret does not say. */
  readonly endsMs: number;
  readonly user: UserInfo;
}

/**
 * Tokens with which a machine joins: `<id>.<secret>`, kept as Secrets of `kube-system`.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
 */
export class BootstrapTokenAuthenticator implements TokenAuthenticator {
  readonly #cache: ReadCache;
  readonly #clock: Clock;
  readonly #apiAudiences: readonly string[];
  readonly #read = new WeakMap<CachedObject, BootstrapToken | null>();

  constructor(options: {
    readonly cache: ReadCache;
    readonly clock: Clock;
    readonly apiAudiences: readonly string[];
  }) {
    this.#cache = options.cache;
    this.#clock = options.clock;
    this.#apiAudiences = options.apiAudiences;
  }

  async authenticate(token: string, audiences: readonly string[]): Promise<Reviewed | undefined> {
    const [, id, secret] = pattern.exec(token) ?? [];
    if (id === undefined || secret === undefined) return undefined;
    const found = this.#cache.get('/secrets', 'kube-system', `bootstrap-token-${id}`);
    const kept = found === undefined ? undefined : this.#tokenOf(found, id);
    if (kept === undefined || !isSame(kept.secret, Buffer.from(secret))) return undefined;
    if (kept.endsMs <= this.#clock.nowMs()) return undefined;
    const shared = this.#apiAudiences.filter((audience) => audiences.includes(audience));
    return shared.length === 0 ? undefined : { user: kept.user, audiences: shared };
  }

  #tokenOf(found: CachedObject, id: string): BootstrapToken | undefined {
    const known = this.#read.get(found);
    if (known !== undefined) return known ?? undefined;
    const token = readToken(JSON.parse(found.json.toString()) as Secret, id);
    this.#read.set(found, token ?? null);
    return token;
  }
}

function readToken({ metadata, type, data = {} }: Secret, id: string): BootstrapToken | undefined {
  const value = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
  if (type !== secretType || metadata.deletionTimestamp !== undefined) return undefined;
  if (value('token-id') !== id || value('token-secret') === '') return undefined;
  if (value('usage-bootstrap-authentication') !== 'true') return undefined;
  const expiration = value('expiration');
  const endsMs = expiration === '' ? Number.POSITIVE_INFINITY : Date.parse(expiration);
  if (Number.isNaN(endsMs)) return undefined;
  const groups = groupsOf(value('auth-extra-groups'));
  if (groups === undefined) return undefined;
  const user = { name: `system:bootstrap:${id}`, uid: '', groups, extra: {} };
  return { secret: Buffer.from(value('token-secret')), endsMs, user };
}

/** Undefined when one of them is not a bootstrapper's. */
function groupsOf(extra: string): string[] | undefined {
  const more = extra === '' ? [] : extra.split(',').map((group) => group.trim());
  return more.every((group) => groupPattern.test(group))
    ? [bootstrappers, ...new Set(more)].sort()
    : undefined;
}

const isSame = (one: Buffer, other: Buffer): boolean =>
  one.length === other.length && timingSafeEqual(one, other);
