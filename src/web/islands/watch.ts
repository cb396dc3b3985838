const EVERY = 2000;

/** Who waits for an answer sees it without reloading; nothing that is being typed is lost. */
export function watchForAnswer(): void {
  const place = document.querySelector<HTMLElement>('[data-watch]');
  if (!place) return;
  const { watch, state, revision } = place.dataset;
  const look = async () => {
    try {
      const answer = await fetch(watch!, { headers: { accept: 'application/json' } });
      if (answer.ok) {
        const now = (await answer.json()) as { state: string; revision: number };
        const moved = now.state !== state || String(now.revision) !== revision;
        if (moved && !document.activeElement?.matches('input, textarea, select')) return location.reload();
      }
    } catch {
      // The broker may be away for a moment; the next look will tell.
    }
    setTimeout(look, EVERY);
  };
  setTimeout(look, EVERY);
}
