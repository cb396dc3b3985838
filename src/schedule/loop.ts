/** A recurring job: runs now, then after `every` milliseconds or when it is woken, one run at a time. */
export interface Loop {
  wake(): void;
  stop(): Promise<void>;
}

/** A run that throws is reported and tried again at its next time; a job is therefore safe to run twice. */
export function startLoop(every: number, run: () => Promise<void>, onError: (error: unknown) => void): Loop {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let woken = false;
  let running: Promise<void> | null = null;

  const turn = async () => {
    do {
      woken = false;
      try {
        await run();
      } catch (error) {
        if (!stopped) onError(error);
      }
    } while (woken && !stopped);
    running = null;
    if (!stopped) timer = setTimeout(start, every);
  };
  const start = () => {
    clearTimeout(timer);
    running ??= turn();
  };
  start();
  return {
    wake() {
      if (stopped) return;
      woken = true;
      start();
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
