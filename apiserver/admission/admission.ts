import type { AnyObject } from '../../api/kind-info.ts';
import { forbidden, type StatusError } from '../../api/status-error.ts';
import { annotationsOf } from '../audit/audit-notes.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';
import type { Storage } from '../storage/storage.ts';

/** What somebody asks for. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly strategy: KindStrategy;
  readonly namespace: string;
  /** Empty while it is yet to be generated. */
  readonly name: string;
  readonly subresource: string;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** Undefined for a deletion. A mutating plugin changes it in place. */
  readonly object: AnyObject | undefined;
  readonly previous: AnyObject | undefined;
}

/** What is about to be written, by whom, and what plugins say of it beside yes and no. */
export interface AdmissionAttributes extends AdmissionRequest {
  /** For `Warning` headers, when the request is carried out. */
  readonly warnings: string[];
  /** For the audit log, by full key. */
  readonly auditAnnotations: Map<string, string>;
  /** Who writes the object, when it must not be written alone: set by a validating plugin. */
  committer: Pick<Storage, 'commit'> | undefined;
}

export function toAttributes(request: AdmissionRequest): AdmissionAttributes {
  const auditAnnotations = annotationsOf(request.user) ?? new Map<string, string>();
  return { ...request, warnings: [], auditAnnotations, committer: undefined };
}

/** 403 in Kubernetes' words; an object that has no name yet goes by the prefix of its name. */
export function refusal(attributes: AdmissionRequest, why: string): StatusError {
  const { name, object, strategy } = attributes;
  const known = [name, object?.metadata.name, object?.metadata.generateName, 'Unknown'];
  return forbidden(strategy.kind, known.find((candidate) => (candidate ?? '') !== '') ?? '', why);
}

/** One rule of admission. All mutating ones come before all validating ones, in the order of the list. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Changes `attributes.object`. @throws StatusError to refuse. */
  mutate?(attributes: AdmissionAttributes): void | Promise<void>;
  /** @throws StatusError to refuse. */
  validate?(attributes: AdmissionAttributes): void | Promise<void>;
}

export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      const running = plugin.mutate?.(attributes);
      if (running !== undefined) await running;
    }
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) {
      const running = plugin.validate?.(attributes);
      if (running !== undefined) await running;
    }
  }
}
