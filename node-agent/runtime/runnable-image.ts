/** What a runtime needs of an image on the node: its unpacked layers and the part of its config that shapes a process. */
export interface RunnableImage {
  readonly id: string;
  /** Directories of the layers, the topmost first, read-only and shared by every container of the image. */
  readonly layerDirs: readonly string[];
  readonly config: ImageProcessConfig;
}

/** The `config` object of an OCI image config. @see https://github.com/opencontainers/image-spec/blob/main/config.md */
export interface ImageProcessConfig {
  /** `""`, `user`, `uid`, `user:group`, `uid:gid` and mixtures. */
  readonly user: string;
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly stopSignal: string | undefined;
}

/** The runtime's side of an image store. */
export interface RunnableImages {
  /** @throws Error with code `IMAGE_NOT_FOUND` when no image has this id. */
  runnableImage(imageId: string): Promise<RunnableImage>;
}
