import { Refused, type TenantInForce, type Unsettled } from './contract.ts';

const WHY: Readonly<Record<Unsettled, string>> = {
  'first-version':
    'Both parties have not signed a version of this matrix yet, so nothing can be opened by it.',
  installation:
    'The issuers or channels of this installation are not those that both parties signed: nothing opens until they sign them, or they are put back.',
};

/** Why nothing is opened, as one line; `null` where a signed version is in force. */
export const whyUnsettled = ({ unsettled }: Pick<TenantInForce, 'unsettled'>): string | null =>
  unsettled && WHY[unsettled];

/**
 * For steps that open something.
 *
 * @throws Refused `version-not-signed`
 */
export function requireSettled(inForce: Pick<TenantInForce, 'unsettled'>): void {
  const why = whyUnsettled(inForce);
  if (why) throw new Refused('version-not-signed', why, 409, { unsettled: inForce.unsettled });
}
