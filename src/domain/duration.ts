const UNITS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
type Unit = keyof typeof UNITS;

/** Ten years. Nothing here lasts longer, and sums of it stay exact. */
const LONGEST = 3_650 * UNITS.d;

/** Seconds of `2h`, `1h30m`, `10s`: `(\d+[smhd])+`, from one second to ten years; `null` for anything else. */
export function parseDuration(text: string): number | null {
  if (!/^(?:\d{1,9}[smhd])+$/.test(text)) return null;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhd])/g)) {
    seconds += Number(count) * UNITS[unit as Unit];
  }
  return seconds >= 1 && seconds <= LONGEST ? seconds : null;
}

const said = (count: number, unit: Unit): string => (count > 0 ? `${count}${unit}` : '');

/**
 * Whole seconds as people write them: 5400 is `1h30m`, 0 is `0s`. Days begin at two, since a day of hours is said
 * as `24h`.
 */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole === 0) return '0s';
  const days = whole < 2 * UNITS.d ? 0 : Math.floor(whole / UNITS.d);
  const left = whole - days * UNITS.d;
  return (
    said(days, 'd') +
    said(Math.floor(left / UNITS.h), 'h') +
    said(Math.floor((left % UNITS.h) / UNITS.m), 'm') +
    said(left % UNITS.m, 's')
  );
}
