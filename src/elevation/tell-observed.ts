import { timeAt } from '../domain/calendar.ts';
import type { Engagement } from '../domain/engagement.ts';
import { observes } from '../domain/observed.ts';
import { asksBySquad, digestDue, type ObservedAsks } from '../domain/observed-digest.ts';
import { liesAhead } from './agreed-clocks.ts';
import type { Change, Letter, Look, Outside, Step, TenantInForce } from './contract.ts';

/** More than a person reads; some receivers take 40 lines. */
const MOST_LINES = 30;

const HEADS: Readonly<Record<ObservedAsks['answer'], string>> = {
  'needs-approval': 'Would have asked',
  'pre-approved': 'Would have opened at once',
  refused: 'Would have refused',
};
const ORDER = Object.keys(HEADS);

/**
 * Tells owners, once a morning, what they would have been asked since the last time, and marks up to when: with two
 * brokers, and after one that died, each ask is told once. A tenant that enforces again is told the rest.
 */
export async function tellObserved(
  look: Look,
  outside: Outside,
  { tenant }: { readonly tenant: string },
): Promise<Step<boolean>> {
  const inForce = await look.tenantAlone(tenant);
  const until = inForce && tellingUntil(inForce, outside.now);
  if (!until) return { result: false };
  const { observedUntil, engagement } = inForce;
  const mark: Change = { update: 'tenant', id: tenant, set: { observedUntil: until } };
  if (observedUntil !== null && observedUntil > until) return { result: false, changes: [mark] };
  const asks = await look.observedAsks(tenant, observedUntil, until);
  const versions = new Map<string, Engagement>();
  for (const digest of new Set(asks.map(({ matrix }) => matrix))) {
    const version = await look.version(tenant, digest);
    if (version) versions.set(digest, version);
  }
  const letters = [...asksBySquad(asks, versions)].map(([squad, told]) =>
    letterTo(engagement, squad, told, observedUntil, until),
  );
  return {
    result: letters.length > 0,
    changes: [mark],
    letters,
  };
}

/**
 * Up to when a tenant that observes, or did when it was last told, is to be told now; `null`: nothing is due. Where the
 * clock was put back since the last digest, that one told all there was: telling begins again from now.
 */
export function tellingUntil(
  { engagement, observedUntil }: Pick<TenantInForce, 'engagement' | 'observedUntil'>,
  now: Date,
): Date | null {
  if (observedUntil === null && !observes(engagement)) return null;
  if (observedUntil !== null && liesAhead(observedUntil, now)) return now;
  const { timezone } = engagement.matrix;
  const morning = digestDue(observedUntil?.getTime() ?? null, now.getTime(), timezone);
  return morning === null ? null : new Date(morning);
}

function letterTo(
  { tenant, matrix }: Engagement,
  squad: string,
  asks: readonly ObservedAsks[],
  from: Date | null,
  until: Date,
): Letter {
  const counted = (answer: ObservedAsks['answer']) =>
    asks.filter(ask => ask.answer === answer).reduce((sum, { count }) => sum + count, 0);
  const sorted = [...asks].sort(
    (one, other) =>
      ORDER.indexOf(one.answer) - ORDER.indexOf(other.answer) ||
      other.count - one.count ||
      (lineOf(one, '') < lineOf(other, '') ? -1 : 1),
  );
  const left = sorted.slice(MOST_LINES).reduce((sum, { count }) => sum + count, 0);
  const lines = sorted
    .slice(0, MOST_LINES)
    .map(ask => ({ label: HEADS[ask.answer], text: lineOf(ask, matrix.parties[ask.party].name) }));
  const since = from ? `since ${timeAt(from.getTime(), matrix.timezone)}` : 'from the first';
  return {
    kind: 'observed-digest',
    tenant,
    to: [squad],
    title: `Observe mode, ${squad}: ${counted('needs-approval')} would have been asked, ${counted('pre-approved')} opened at once, ${counted('refused')} refused`,
    lines: [
      { label: 'When', text: `${since} until ${timeAt(until.getTime(), matrix.timezone)}` },
      ...lines,
      ...(left > 0 ? [{ label: 'Besides', text: `${left} more` }] : []),
      { label: 'Opened', text: 'nothing: the matrix only observes' },
    ],
    path: `/observed?tenant=${encodeURIComponent(tenant)}`,
    dueAt: null,
    whileWaiting: null,
  };
}

function lineOf({ asker, protocol, role, target, cell, code, count }: ObservedAsks, party: string): string {
  const what = target === null ? `${cell} (${code})` : `${protocol} as ${role} on ${target}, ${cell}`;
  return `${asker}, ${party}: ${what}, ${count === 1 ? 'once' : `${count} times`}`;
}
