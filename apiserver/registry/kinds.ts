import type { AnyKindRules } from './kind-rules.ts';

/** What is particular to kinds; a kind that is not here behaves as most do. */
export const kindRules: readonly AnyKindRules[] = [];
