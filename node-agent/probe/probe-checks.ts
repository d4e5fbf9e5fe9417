import type { HTTPGetAction } from '../../api/generated/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import { execCheck } from './exec-check.ts';
import { grpcCheck } from './grpc-check.ts';
import { httpCheck } from './http-check.ts';
import { tcpCheck } from './tcp-check.ts';

/**
 * `warning`: a success that an event tells of. `unknown`: the check itself could not be made; it neither counts for nor
 * against the container.
 */
export interface CheckResult {
  readonly outcome: 'success' | 'warning' | 'failure' | 'unknown';
  readonly message: string;
  /** Of an answer that is taken for a failure. */
  readonly httpStatus?: number | undefined;
}

/** One check of each kind, from the node to the pod. None rejects. */
export interface ProbeChecks {
  httpGet(request: HttpCheckRequest): Promise<CheckResult>;
  tcpSocket(request: SocketCheckRequest): Promise<CheckResult>;
  grpc(request: GrpcCheckRequest): Promise<CheckResult>;
  exec(request: ExecCheckRequest): Promise<CheckResult>;
}

export interface HttpCheckRequest {
  /** With its port resolved. */
  readonly action: HTTPGetAction & { readonly port: number };
  /** The pod's; the action may name another. */
  readonly address: string;
  readonly timeoutMs: number;
}

export interface SocketCheckRequest {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
}

export interface GrpcCheckRequest extends SocketCheckRequest {
  readonly service: string;
}

export interface ExecCheckRequest {
  readonly containerId: string;
  readonly command: readonly string[];
  readonly timeoutMs: number;
}

export function createProbeChecks(runtime: Pick<ContainerRuntime, 'execSync'>, clock: Clock): ProbeChecks {
  return {
    httpGet: (request) => httpCheck(clock, request),
    tcpSocket: tcpCheck,
    grpc: (request) => grpcCheck(clock, request),
    exec: (request) => execCheck(runtime, request),
  };
}
