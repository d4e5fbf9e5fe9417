const pollMs = 20;

/**
 * How long a program under test may take to be there. Its start is not what is tested, and where many share two cores
 * it takes its time; one that ends instead is told of at once. Within the time that a hook has.
 */
export const startDeadlineMs = 45_000;

/** A failure that no waiting mends: `eventually` does not go on after it. */
export class FinalError extends Error {}

/**
 * Repeats `check` until it does not throw, and gives its value. @throws the last failure when `deadlineMs` has passed:
 * waiting for a condition, never for a time.
 */
export async function eventually<T>(check: () => T | Promise<T>, deadlineMs = 15_000): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (error instanceof FinalError || performance.now() > endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
