/**
 * Image references: `[HOST[:PORT]/]PATH[:TAG][@DIGEST]`, short names completed as Docker does
 * (`nginx` -> `docker.io/library/nginx:latest`).
 *
 * @see https://github.com/distribution/reference
 */
import { ImageError } from './image-error.ts';

export interface ImageReference {
  readonly registry: string;
  readonly repository: string;
  /** `latest` when neither tag nor digest is given; undefined when only a digest is. */
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const defaultRegistry = 'docker.io';
const pathPattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const registryPattern = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^sha256:[0-9a-f]{64}$/;
const maxNameLength = 255;

/** @throws ImageError `IMAGE_INVALID_NAME` */
export function parseReference(text: string): ImageReference {
  const invalid = (why: string): ImageError =>
    new ImageError('IMAGE_INVALID_NAME', `couldn't parse image name "${text}": ${why}`);
  const [beforeDigest = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !digestPattern.test(digest))) {
    throw invalid('invalid reference format');
  }
  const { name, tag } = splitTag(beforeDigest);
  if (tag !== undefined && !tagPattern.test(tag)) throw invalid('invalid reference format');
  const { registry, path } = splitRegistry(name);
  if (!registryPattern.test(registry)) throw invalid('invalid reference format');
  if (path !== path.toLowerCase())
    throw invalid('invalid reference format: repository name must be lowercase');
  if (!pathPattern.test(path) || path.length > maxNameLength) throw invalid('invalid reference format');
  const repository = registry === defaultRegistry && !path.includes('/') ? `library/${path}` : path;
  return { registry, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

/** The whole name: two references are the same image name exactly when these are equal. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === undefined ? '' : `:${reference.tag}`;
  const digest = reference.digest === undefined ? '' : `@${reference.digest}`;
  return `${nameOf(reference)}${tag}${digest}`;
}

/** Registry and repository. */
export function nameOf(reference: ImageReference): string {
  return `${reference.registry}/${reference.repository}`;
}

/** Names under which somebody may have put the image into a directory, the shortest first. */
export function localNamesOf(reference: ImageReference): string[] {
  const { registry, repository } = reference;
  const full = `${registry}/${repository}`;
  if (registry !== defaultRegistry) return [full];
  return repository.startsWith('library/')
    ? [repository.slice('library/'.length), repository, full]
    : [repository, full];
}

function splitTag(text: string): { readonly name: string; readonly tag: string | undefined } {
  const colon = text.lastIndexOf(':');
  // A colon before the last slash is a port.
  if (colon === -1 || colon < text.lastIndexOf('/')) return { name: text, tag: undefined };
  return { name: text.slice(0, colon), tag: text.slice(colon + 1) };
}

/** The first part is a registry when it cannot be part of a path on Docker Hub. */
function splitRegistry(name: string): { readonly registry: string; readonly path: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isRegistry = /[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase();
  if (!isRegistry) return { registry: defaultRegistry, path: name };
  const registry = first === 'index.docker.io' ? defaultRegistry : first;
  return { registry, path: name.slice(slash + 1) };
}
