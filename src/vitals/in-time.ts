/** What was asked has not answered yet. */
export class Unanswered extends Error {}

/** The work's outcome, or `Unanswered` after so many milliseconds; the work itself goes on unseen. */
export async function inTime<T>(milliseconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Unanswered(`no answer within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A question that is on its way at most once: whoever asks meanwhile waits for the same answer. So what hangs holds
 * one connection, or one thread of the file system's few, however often it is asked about.
 */
export function askedOnce<T>(ask: () => Promise<T>): () => Promise<T> {
  let asking: Promise<T> | null = null;
  return () => {
    asking ??= (async () => ask())().finally(() => {
      asking = null;
    });
    return asking;
  };
}
