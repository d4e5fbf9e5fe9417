import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A TCP proxy on a loopback port that loses what it is told to lose. */
export class FaultyProxy {
  readonly #server: Server;
  readonly #targetPort: number;
  readonly #sockets = new Set<Socket>();
  #losesRequests = false;
  #losesAnswers = false;
  #requestBytes = 0;
  #answerBytesLeft = Number.POSITIVE_INFINITY;

  private constructor(targetPort: number) {
    this.#targetPort = targetPort;
    this.#server = createServer((client) => this.#join(client));
  }

  static async start(targetPort: number): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(targetPort);
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    const address = this.#server.address();
    return `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  }

  /** Bytes that clients have sent since `lose` was called. */
  get requestBytes(): number {
    return this.#requestBytes;
  }

  /** From now on what goes in that direction disappears; connections stay open. */
  lose(what: 'requests' | 'answers'): void {
    this.#requestBytes = 0;
    if (what === 'requests') this.#losesRequests = true;
    else this.#losesAnswers = true;
  }

  /** Passes everything on again, over new connections. */
  heal(): void {
    this.#losesRequests = false;
    this.#losesAnswers = false;
    this.cut();
  }

  /** Ends every connection once so many bytes of answers have passed, the last of them cut off there. */
  cutAfter(answerBytes: number): void {
    this.#answerBytesLeft = answerBytes;
  }

  /** Ends every connection at once. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket): void {
    const target = createConnection(this.#targetPort, '127.0.0.1');
    for (const socket of [client, target]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.#sockets.delete(socket);
        client.destroy();
        target.destroy();
      });
    }
    client.on('data', (chunk) => {
      this.#requestBytes += chunk.length;
      if (!this.#losesRequests) target.write(chunk);
    });
    target.on('data', (chunk) => {
      if (!this.#losesAnswers) this.#answer(client, chunk);
    });
  }

  #answer(client: Socket, chunk: Buffer): void {
    if (chunk.length < this.#answerBytesLeft) {
      this.#answerBytesLeft -= chunk.length;
      client.write(chunk);
      return;
    }
    client.write(chunk.subarray(0, this.#answerBytesLeft));
    this.#answerBytesLeft = Number.POSITIVE_INFINITY;
    this.cut();
  }
}
