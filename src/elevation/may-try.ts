import { memberOf } from '../domain/membership.ts';
import { observes } from '../domain/observed.ts';
import type { Party } from '../domain/party.ts';
import { mayPreflight } from '../domain/permission.ts';
import type { Look, Step, TenantInForce } from './contract.ts';
import { whyUnsettled } from './settled.ts';

export interface NoTry {
  readonly code: 'not-yours' | 'locked-out' | 'version-not-signed' | 'observed';
  readonly line: string;
}

/** Why nobody of this party has a target dialled now; null while they may. */
export function whyNoTry(
  inForce: Pick<TenantInForce, 'lockedOutAt' | 'unsettled'>,
  party: Party,
): NoTry | null {
  // No access is given either way; a lockout is to be quiet, too.
  if (inForce.lockedOutAt !== null && party === 'msp')
    return { code: 'locked-out', line: 'the client has locked its provider out' };
  const unsettled = whyUnsettled(inForce);
  return unsettled === null ? null : { code: 'version-not-signed', line: unsettled };
}

/**
 * Why no try gets a certificate, though targets may be dialled; null where it does. Where nothing is opened, the
 * tenant's authority signs nothing: that the host answers, and by which key, is seen without it.
 */
export const whyNoCertificate = ({ engagement }: Pick<TenantInForce, 'engagement'>): NoTry | null =>
  observes(engagement)
    ? { code: 'observed', line: 'observe mode opens nothing, so no certificate is signed' }
    : null;

/** The same, looked up again at the moment of a try: much may have changed since the preflight began. */
export async function whyNoTryNow(
  look: Look,
  asker: string,
  { tenant, target }: { readonly tenant: string; readonly target: string },
): Promise<Step<NoTry | null>> {
  const inForce = await look.tenant(tenant);
  const person = await look.person(asker);
  const member = inForce && person && memberOf(inForce.engagement, person);
  if (!inForce || !member || !mayPreflight(inForce.engagement, member, target))
    return { result: { code: 'not-yours', line: 'the matrix no longer lets its asker try it' } };
  return { result: whyNoTry(inForce, member.party) };
}
