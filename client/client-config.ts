/** How to reach a server and who we are. Certificates and keys are PEM. */
export interface ClientConfig {
  /** `https://host:port`; a path is not supported. */
  readonly server: string;
  /** Trust anchors; the system's when left out. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly token?: string | undefined;
  /** Name to expect in the server's certificate instead of the host in `server`. */
  readonly tlsServerName?: string | undefined;
  readonly insecureSkipTlsVerify?: boolean | undefined;
  /** The context's default namespace. */
  readonly namespace?: string | undefined;
}
