import { digestDue } from '../domain/observed-digest.ts';
import { isToldOf, tellObserved } from '../elevation/tell-observed.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Engagements } from '../store/engagements.ts';

/** Tells owners of every tenant whose morning has come; what fails keeps no other from being told. */
export async function tellAllObserved(
  engagements: Pick<Engagements, 'all'>,
  commit: Commit,
  clock: Clock,
  failed: (tenant: string, error: unknown) => void,
): Promise<void> {
  const now = clock.now().getTime();
  for (const { tenant, engagement, observedUntil } of await engagements.all()) {
    const told = observedUntil?.getTime() ?? null;
    if (!isToldOf({ engagement, observedUntil })) continue;
    if (digestDue(told, now, engagement.matrix.timezone) === null) continue;
    await commit(tenant, (look, outside) => tellObserved(look, outside, { tenant })).catch(error =>
      failed(tenant, error),
    );
  }
}
