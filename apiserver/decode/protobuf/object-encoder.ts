import { Schemas } from '../schema.ts';
import { enclose, envelopeHead, type TypeMeta } from './envelope.ts';
import { MessageWriter } from './message-writer.ts';
import { hasMessage } from './messages.ts';
import { RecentBytes } from './recent-bytes.ts';

/** Packages of the groups that are not named after the group's first part below `k8s.io.api`. */
const packages: Readonly<Record<string, string>> = {
  '': 'k8s.io.api.core',
  'apiextensions.k8s.io': 'k8s.io.apiextensions_apiserver.pkg.apis.apiextensions',
  'apiregistration.k8s.io': 'k8s.io.kube_aggregator.pkg.apis.apiregistration',
  'metrics.k8s.io': 'k8s.io.metrics.pkg.apis.metrics',
};

const metaPackage = 'k8s.io.apimachinery.pkg.apis.meta';
/** These belong to every group's version. */
const metaKinds: ReadonlySet<string> = new Set([
  'Status',
  'APIVersions',
  'APIGroup',
  'APIGroupList',
  'APIResourceList',
  'PartialObjectMetadata',
]);

/** The message of a kind, if it has one. */
export function messageOf({ apiVersion, kind }: TypeMeta): string {
  if (metaKinds.has(kind)) return `${metaPackage}.v1.${kind}`;
  const [first = '', second] = apiVersion.split('/');
  const [group, version] = second === undefined ? ['', first] : [first, second];
  if (group === 'meta.k8s.io') return `${metaPackage}.${version}.${kind}`;
  return `${packages[group] ?? `k8s.io.api.${group.split('.')[0]}`}.${version}.${kind}`;
}

export const isEncodable = (type: TypeMeta): boolean => hasMessage(messageOf(type));

/** A kind whose objects are encoded one after another. */
export interface EncodedKind {
  readonly message: string;
  /** All that stands before an object's length. */
  readonly head: Buffer;
}

export const encodedKind = (type: TypeMeta): EncodedKind => ({
  message: messageOf(type),
  head: envelopeHead(type),
});

/** Writes objects in protobuf as Go does. What is written of an object's wire JSON is kept for as long as that JSON. */
class ObjectEncoder {
  #writer: MessageWriter | undefined;
  readonly #recent = new RecentBytes();

  /** The length and the bytes of the message; undefined when the kind has none. */
  sized(message: string, object: object): Buffer | undefined {
    this.#writer ??= new MessageWriter(new Schemas());
    return this.#writer.sized(message, object);
  }

  /** The same of an object in wire JSON, made once. */
  sizedJson(message: string, json: Buffer): Buffer | undefined {
    const known = this.#recent.get(json);
    if (known !== undefined) return known;
    const made = this.sized(message, JSON.parse(json.toString()) as object);
    if (made !== undefined) this.#recent.set(json, made);
    return made;
  }

  /** Whether `sizedJson` has the bytes at hand. */
  has(json: Buffer): boolean {
    return this.#recent.get(json) !== undefined;
  }

  /** A whole body; undefined when the kind has no message. */
  body(object: object): Buffer | undefined {
    const { apiVersion, kind } = typeMetaOf(object);
    const sized = this.sized(messageOf({ apiVersion, kind }), object);
    return sized === undefined ? undefined : enclose(envelopeHead({ apiVersion, kind }), sized);
  }

  bodyOfJson({ message, head }: EncodedKind, json: Buffer): Buffer | undefined {
    const sized = this.sizedJson(message, json);
    return sized === undefined ? undefined : enclose(head, sized);
  }
}

function typeMetaOf(object: object): TypeMeta {
  const apiVersion = 'apiVersion' in object ? String(object.apiVersion) : '';
  return { apiVersion, kind: 'kind' in object ? String(object.kind) : '' };
}

/** One for all: what it compiles comes from the facts alone, and only when the first client asks for protobuf. */
export const objectEncoder: ObjectEncoder = new ObjectEncoder();
