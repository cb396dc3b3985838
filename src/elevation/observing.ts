import { NOTHING_OPENED, observes } from '../domain/observed.ts';
import { Refused, type TenantInForce } from './contract.ts';

/**
 * For steps that open something, or ask somebody to.
 *
 * @throws Refused `observed`
 */
export function requireEnforced({ engagement }: Pick<TenantInForce, 'engagement'>): void {
  if (!observes(engagement)) return;
  const message = `Observe mode: ${engagement.tenant} only records what would be. Nothing is opened and nobody is asked.`;
  throw new Refused('observed', message, 409);
}

/** For answers to what was only ever observed. */
export const onlyObserved = (): Refused =>
  new Refused(
    'observed',
    `This request was only observed; there is nothing to answer. ${NOTHING_OPENED}`,
    409,
    {
      state: 'observed',
    },
  );
