import { tellingUntil, tellObserved } from '../elevation/tell-observed.ts';
import type { Clock, Commit } from '../store/commit.ts';
import type { Engagements } from '../store/engagements.ts';

/** Tells owners of every tenant whose morning has come; what fails keeps no other from being told. */
export async function tellAllObserved(
  engagements: Pick<Engagements, 'all'>,
  commit: Commit,
  clock: Clock,
  failed: (tenant: string, error: unknown) => void,
): Promise<void> {
  const now = clock.now();
  for (const { tenant, ...inForce } of await engagements.all()) {
    if (tellingUntil(inForce, now) === null) continue;
    await commit(tenant, (look, outside) => tellObserved(look, outside, { tenant })).catch(error =>
      failed(tenant, error),
    );
  }
}
