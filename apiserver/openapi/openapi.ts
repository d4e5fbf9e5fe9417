import { gzipSync } from 'node:zlib';
import { discoveredKinds } from '../../api/generated/kinds.ts';
import type { KindInfo } from '../../api/kind-info.ts';
import type { Registry } from '../registry/registry.ts';
import { renderDocument } from './document.ts';
import { hashOf } from './etag.ts';
import { renderProtobufHead } from './protobuf-document.ts';

/** A document as it is sent, made once. */
export interface OpenApiDocument {
  readonly body: Buffer;
  readonly hash: string;
  gzipped(): Buffer;
}

function toDocument(body: Buffer): OpenApiDocument {
  let gzipped: Buffer | undefined;
  return {
    body,
    hash: hashOf(body),
    gzipped() {
      gzipped ??= gzipSync(body);
      return gzipped;
    },
  };
}

const toJsonDocument = (content: object): OpenApiDocument => toDocument(Buffer.from(JSON.stringify(content)));

/** `api/v1`, `apis/apps/v1` */
const pathOf = ({ group, version }: KindInfo): string =>
  group === '' ? `api/${version}` : `apis/${group}/${version}`;

/** What is stored, and what is only asked. */
export function servedKinds(registry: Registry): KindInfo[] {
  return discoveredKinds.filter(
    ({ group, version, kind, plural, verbs }) =>
      !verbs.includes('list') ||
      kind === 'ComponentStatus' ||
      registry.byResource(group, version, plural) !== undefined,
  );
}

/** OpenAPI v3, one document for each group version, each made when it is first asked for. */
export class OpenApi {
  readonly #version: string;
  readonly #kinds = new Map<string, KindInfo[]>();
  readonly #documents = new Map<string, OpenApiDocument>();
  #index: OpenApiDocument | undefined;
  #older: OpenApiDocument | undefined;

  /** @param version the server's, as `/version` tells it */
  constructor(kinds: readonly KindInfo[], version: string) {
    this.#version = version;
    for (const kind of kinds) {
      const path = pathOf(kind);
      const known = this.#kinds.get(path);
      if (known === undefined) this.#kinds.set(path, [kind]);
      else known.push(kind);
    }
  }

  /** Which documents there are, each with a hash in its URL that changes with its content. */
  index(): OpenApiDocument {
    this.#index ??= toJsonDocument({
      paths: Object.fromEntries(
        [...this.#kinds.keys()].sort().map((path) => {
          const hash = this.document(path)?.hash ?? '';
          return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
        }),
      ),
    });
    return this.#index;
  }

  /** OpenAPI 2.0, of which there is only the head, as protobuf. */
  older(): OpenApiDocument {
    this.#older ??= toDocument(renderProtobufHead(this.#version));
    return this.#older;
  }

  /** @param path `api/v1` or `apis/<group>/<version>` */
  document(path: string): OpenApiDocument | undefined {
    const known = this.#documents.get(path);
    if (known !== undefined) return known;
    const kinds = this.#kinds.get(path);
    if (kinds === undefined) return undefined;
    const document = toJsonDocument(renderDocument(kinds, this.#version));
    this.#documents.set(path, document);
    return document;
  }
}
