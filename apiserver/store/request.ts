import type { AnyObject } from '../../api/kind-info.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';

/** Which object of which kind, and who asks. */
export interface ObjectRequest {
  readonly strategy: KindStrategy;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  /** Empty for the main resource. */
  readonly subresource: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What a write gives back: wire JSON, and what the client is warned about. */
export interface Written {
  readonly json: Buffer;
  readonly version: number;
  readonly created: boolean;
  readonly warnings: readonly string[];
}

/** An object as it is now: parsed, with the bytes that it came from. */
export interface CurrentObject {
  readonly object: AnyObject;
  readonly json: Buffer;
  readonly version: number;
  /** Whether it comes from the cache and so may be behind the store. */
  readonly cached: boolean;
}
