import { apartWords, leftWords, readerWords } from '../time-words.ts';

/** Server times are right when a page is made; from then on this keeps them so, by the server's clock. */
export function keepTimes(): void {
  const served = Number(document.documentElement.dataset.now);
  const ahead = Number.isFinite(served) && served > 0 ? Date.now() - served : 0;
  const all = [...document.querySelectorAll<HTMLTimeElement>('time[data-say]')];
  const say = () => {
    const now = new Date(Date.now() - ahead);
    for (const one of all) {
      const words = wordsFor(one, now);
      if (one.textContent !== words) one.textContent = words;
    }
  };
  say();
  if (all.some(one => one.dataset.say !== 'clock')) setInterval(say, 1000);
}

function wordsFor(one: HTMLTimeElement, now: Date): string {
  const at = new Date(one.dateTime);
  const { say, zone, seconds } = one.dataset;
  if (say === 'left') return leftWords(at, now);
  if (say === 'apart') return apartWords(at, now);
  return readerWords(at, zone ?? 'UTC', undefined, now, seconds !== undefined);
}
