import type { HTTPGetAction, Lifecycle, Probe } from '../../api/generated/core-v1.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import { portNameProblems, portNumberProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

export const notNegative = 'must be greater than or equal to 0';

export function validateNonNegative(value: number | undefined, field: string): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(field, value, notNegative)] : [];
}

interface Handler {
  readonly exec?: { readonly command?: readonly string[] | undefined } | undefined;
  readonly httpGet?: HTTPGetAction | undefined;
  readonly tcpSocket?: { readonly port: number | string } | undefined;
  readonly grpc?: { readonly port: number } | undefined;
  readonly sleep?: { readonly seconds: number } | undefined;
}

export function validateProbe(
  probe: Probe | undefined,
  field: string,
  purpose: 'liveness' | 'readiness' | 'startup',
): FieldError[] {
  if (probe === undefined) return [];
  const errors = [
    ...validateHandler(probe, field),
    ...validateNonNegative(probe.initialDelaySeconds, `${field}.initialDelaySeconds`),
    ...validateNonNegative(probe.timeoutSeconds, `${field}.timeoutSeconds`),
    ...validateNonNegative(probe.periodSeconds, `${field}.periodSeconds`),
    ...validateNonNegative(probe.successThreshold, `${field}.successThreshold`),
    ...validateNonNegative(probe.failureThreshold, `${field}.failureThreshold`),
  ];
  const grace = probe.terminationGracePeriodSeconds;
  if (grace !== undefined && grace <= 0)
    errors.push(invalid(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than 0'));
  if (purpose === 'readiness') {
    if (grace !== undefined)
      errors.push(
        invalid(`${field}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes'),
      );
  } else if (probe.successThreshold !== 1)
    errors.push(invalid(`${field}.successThreshold`, probe.successThreshold ?? 0, 'must be 1'));
  return errors;
}

/** @param graceSeconds what the pod has to end, which no sleep may exceed */
export function validateLifecycle(
  lifecycle: Lifecycle | undefined,
  field: string,
  graceSeconds: number | undefined,
): FieldError[] {
  const { postStart, preStop } = lifecycle ?? {};
  return [
    ...(postStart === undefined ? [] : validateHandler(postStart, `${field}.postStart`, graceSeconds)),
    ...(preStop === undefined ? [] : validateHandler(preStop, `${field}.preStop`, graceSeconds)),
  ];
}

function validateSleep(seconds: number, field: string, graceSeconds: number | undefined): FieldError[] {
  if (graceSeconds === undefined || (seconds >= 0 && seconds <= graceSeconds)) return [];
  const detail = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
  return [invalid(field, seconds, detail)];
}

function validateHandler(handler: Handler, field: string, graceSeconds?: number): FieldError[] {
  const errors: FieldError[] = [];
  let count = 0;
  const take = (name: string, check: () => FieldError[]): void => {
    if (count > 0) errors.push(forbidden(`${field}.${name}`, 'may not specify more than 1 handler type'));
    else errors.push(...check());
    count++;
  };
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  if (exec !== undefined)
    take('exec', () => ((exec.command ?? []).length === 0 ? [required(`${field}.exec.command`)] : []));
  if (httpGet !== undefined) take('httpGet', () => validateHttpGet(httpGet, `${field}.httpGet`));
  if (tcpSocket !== undefined)
    take('tcpSocket', () => validatePortNumberOrName(tcpSocket.port, `${field}.tcpSocket.port`));
  if (grpc !== undefined) take('grpc', () => validatePortNumberOrName(grpc.port, `${field}.grpc.port`));
  if (sleep !== undefined) take('sleep', () => validateSleep(sleep.seconds, `${field}.sleep`, graceSeconds));
  if (count === 0) errors.push(required(field, 'must specify a handler type'));
  return errors;
}

function validateHttpGet(action: HTTPGetAction, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if ((action.path ?? '') === '') errors.push(required(`${field}.path`));
  errors.push(...validatePortNumberOrName(action.port, `${field}.port`));
  const schemes = ['HTTP', 'HTTPS'];
  if (!schemes.includes(action.scheme ?? ''))
    errors.push(unsupported(`${field}.scheme`, action.scheme ?? '', schemes));
  for (const header of action.httpHeaders ?? [])
    if (!/^[-A-Za-z0-9]+$/.test(header.name))
      errors.push(
        invalid(
          `${field}.httpHeaders`,
          header.name,
          "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
        ),
      );
  return errors;
}

/** A port that is left out is 0. */
export function validatePortNumberOrName(port: number | string | undefined, field: string): FieldError[] {
  const written = port ?? 0;
  const problems = typeof written === 'number' ? portNumberProblems(written) : portNameProblems(written);
  return problems.map((problem) => invalid(field, written, problem));
}
