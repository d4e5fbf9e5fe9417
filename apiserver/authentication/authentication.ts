import { readFileSync } from 'node:fs';
import type { Clock } from '../../base/clock.ts';
import type { ApiServerFlags } from '../flags.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import { Authenticator, type TokenAuthenticator } from './authenticator.ts';
import { BootstrapTokenAuthenticator } from './bootstrap-token-authenticator.ts';
import { FrontProxy } from './front-proxy.ts';
import { jwksPath, OpenIdDocuments } from './openid.ts';
import { ServiceAccountAuthenticator } from './service-account-authenticator.ts';
import { TokenSigner, TokenVerifier } from './service-account-token.ts';
import { readVerificationKeys, type VerificationKey } from './signing-keys.ts';
import { StaticTokens } from './static-tokens.ts';

export interface Authentication {
  readonly authenticator: Authenticator;
  /** Without a key to sign with no tokens are issued. */
  readonly signer: TokenSigner | undefined;
  readonly openid: OpenIdDocuments | undefined;
  /** Undefined: no proxy is believed. */
  readonly frontProxy: FrontProxy | undefined;
}

/** All that tells who somebody is, from the flags. */
export function createAuthentication(options: {
  readonly flags: ApiServerFlags;
  readonly cache: ReadCache;
  readonly clock: Clock;
}): Authentication {
  const { flags, clock } = options;
  const [issuer = ''] = flags.serviceAccountIssuers;
  const keys = verificationKeys(flags);
  const signingKey = flags.serviceAccountSigningKeyFile;
  const apiAudiences = flags.apiAudiences.length > 0 ? flags.apiAudiences : flags.serviceAccountIssuers;
  const frontProxy = frontProxyOf(flags);
  const authenticator = new Authenticator({
    ...{ frontProxy, clock },
    tokens: tokenAuthenticators(options, keys, apiAudiences),
    apiAudiences,
    anonymousEverywhere: flags.anonymousAuth,
  });
  const isDiscoverable = keys.length > 0 && issuer.startsWith('https://');
  const address = `https://${flags.advertiseAddress}:${flags.securePort}`;
  return {
    ...{ authenticator, frontProxy },
    signer:
      signingKey === undefined
        ? undefined
        : new TokenSigner({
            ...{ keyPem: readFileSync(signingKey), issuer, audiences: apiAudiences, clock },
            maxExpirationSeconds: flags.serviceAccountMaxTokenExpirationSeconds,
          }),
    openid: isDiscoverable
      ? new OpenIdDocuments({ issuer, keys, jwksUri: flags.serviceAccountJwksUri ?? `${address}${jwksPath}` })
      : undefined,
  };
}

function frontProxyOf({ frontProxy, clientCaFile }: ApiServerFlags): FrontProxy | undefined {
  if (frontProxy.caFile === undefined) return undefined;
  const [proxyCa, clientCa] = [frontProxy.caFile, clientCaFile].map((file) => readFileSync(file, 'utf8'));
  return new FrontProxy(frontProxy, { proxyCa: proxyCa ?? '', clientCa: clientCa ?? '' });
}

/** What is signed with can be verified, also when it is not among the keys to verify with. */
function verificationKeys(flags: ApiServerFlags): VerificationKey[] {
  const signing = flags.serviceAccountSigningKeyFile;
  const files = [...flags.serviceAccountKeyFiles, ...(signing === undefined ? [] : [signing])];
  return readVerificationKeys(files.map((file) => readFileSync(file)));
}

/** Cheap ones first; what is not of their kind passes by. */
function tokenAuthenticators(
  options: { readonly flags: ApiServerFlags; readonly cache: ReadCache; readonly clock: Clock },
  keys: readonly VerificationKey[],
  apiAudiences: readonly string[],
): TokenAuthenticator[] {
  const { flags, cache, clock } = options;
  const found: TokenAuthenticator[] = [];
  if (flags.tokenAuthFile !== undefined)
    found.push(new StaticTokens(readFileSync(flags.tokenAuthFile, 'utf8'), apiAudiences));
  if (flags.bootstrapTokenAuth) found.push(new BootstrapTokenAuthenticator({ cache, clock, apiAudiences }));
  if (keys.length > 0) {
    const verifier = new TokenVerifier({ keys, issuers: flags.serviceAccountIssuers, clock });
    found.push(new ServiceAccountAuthenticator({ verifier, cache, clock }));
  }
  return found;
}
