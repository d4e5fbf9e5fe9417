import type { IncomingHttpHeaders } from 'node:http';
import { constants, createGzip, type Gzip, gzip } from 'node:zlib';

/** Smaller answers cost more to compress than to send: Kubernetes' threshold and level. */
export const gzipThresholdBytes: number = 128 * 1024;
const level: number = constants.Z_BEST_SPEED;
const outputChunkBytes = 64 * 1024;

/** As Kubernetes reads it: the word itself, without a quality. */
export function acceptsGzip(headers: IncomingHttpHeaders): boolean {
  const accepted = headers['accept-encoding'];
  if (accepted === undefined || !accepted.includes('gzip')) return false;
  return accepted.split(',').some((encoding) => encoding.trim() === 'gzip');
}

/** Headers of a body that goes compressed. */
export const gzipHeaders: Readonly<Record<string, string>> = {
  'content-encoding': 'gzip',
  vary: 'Accept-Encoding',
};

/** Off the event loop. */
export function compress(body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    gzip(body, { level }, (error, compressed) => {
      if (error === null) resolve(compressed);
      else reject(error);
    });
  });
}

/** Compresses what is written to it, off the event loop. */
export function createCompressor(): Gzip {
  return createGzip({ level, chunkSize: outputChunkBytes });
}
