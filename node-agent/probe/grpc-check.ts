import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.ts';
import type { CheckResult, GrpcCheckRequest } from './probe-checks.ts';

/**
 * The health service's two messages have one field each, so their codec is written out here.
 * @see https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
const healthPath = '/grpc.health.v1.Health/Check';
const servingStatuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const serving = 1;
/** Field 1 of HealthCheckRequest: a string. */
const serviceTag = 0x0a;
/** Field 1 of HealthCheckResponse: an enum. */
const statusTag = 0x08;

export function encodeHealthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return Buffer.alloc(0);
  const length: number[] = [];
  for (let rest = name.length; ; rest >>>= 7) {
    length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) break;
  }
  return Buffer.concat([Buffer.from([serviceTag, ...length]), name]);
}

/** An enum's default is not on the wire. */
export function decodeHealthResponse(message: Buffer): number {
  return message[0] === statusTag ? (message[1] ?? 0) : 0;
}

export function grpcCheck(
  clock: Clock,
  { host, port, service, timeoutMs }: GrpcCheckRequest,
): Promise<CheckResult> {
  const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const client = new Client(address, credentials.createInsecure(), { 'grpc.enable_retries': 0 });
  const deadline = clock.nowMs() + timeoutMs;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      healthPath,
      encodeHealthRequest,
      decodeHealthResponse,
      service,
      { deadline },
      (error, found) => {
        client.close();
        resolve(error === null ? toResult(found ?? 0) : toFailure(error, address, timeoutMs));
      },
    );
  });
}

function toResult(found: number): CheckResult {
  if (found === serving) return { outcome: 'success', message: 'service healthy' };
  const name = servingStatuses[found] ?? String(found);
  return { outcome: 'failure', message: `service unhealthy (responded with "${name}")` };
}

function toFailure(error: ServiceError, address: string, timeoutMs: number): CheckResult {
  const message = ((): string => {
    switch (error.code) {
      case status.UNIMPLEMENTED:
        return 'error: this server does not implement the grpc health protocol (grpc.health.v1.Health): '.concat(
          error.details,
        );
      case status.DEADLINE_EXCEEDED:
        return `timeout: health rpc did not complete within ${timeoutMs / 1000}s`;
      case status.UNAVAILABLE:
        // The library's own words tell the time, and with them no event would be like the one before it.
        return `timeout: failed to connect service "${address}" within ${timeoutMs / 1000}s: context deadline exceeded`;
      default:
        return `error: health rpc probe failed: ${error.message}`;
    }
  })();
  return { outcome: 'failure', message };
}
