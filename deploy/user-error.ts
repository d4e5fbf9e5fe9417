/** Something the user can mend: printed without a stack. `exitCode` 2 is for a wrong command line. */
export class UserError extends Error {
  readonly code = 'USER';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
