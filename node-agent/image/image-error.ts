/** Why an image cannot be had, in what a pod's status makes of it. */
export type ImageErrorCode = 'IMAGE_NOT_FOUND' | 'IMAGE_INVALID_NAME' | 'IMAGE_UNAUTHORIZED' | 'IMAGE_PULL';

export class ImageError extends Error {
  readonly code: ImageErrorCode;

  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
