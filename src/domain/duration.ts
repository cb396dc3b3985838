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

/**
 * Whole seconds as people write them: 5400 is `1h30m`, 0 is `0s`. Days begin at two, since a day of hours is said
 * as `24h`.
 */
export function formatDuration(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds));
  if (left === 0) return '0s';
  let text = '';
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (unit === 'd' && left < 2 * UNITS.d) continue;
    const count = Math.floor(left / UNITS[unit]);
    if (count > 0) text += `${count}${unit}`;
    left -= count * UNITS[unit];
  }
  return text;
}
