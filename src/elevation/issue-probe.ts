import { cellsCovering } from '../domain/cell.ts';
import { rolesGiven } from '../domain/gives.ts';
import { findTarget } from '../domain/target.ts';
import { whyApart } from './agreed-clocks.ts';
import type { Look, Outside, Step } from './contract.ts';
import type { Issued, Sign } from './issue-credential.ts';
import { whyNoCertificate, whyNoTryNow } from './may-try.ts';

/** Signs a key for a certificate that can do nothing. Pure: it touches nothing outside. */
export type SignProbe = (order: {
  readonly preflight: string;
  readonly tenant: string;
  readonly target: string;
  readonly login: string;
  readonly publicKey: string;
  readonly sourceAddress: string;
  readonly now: Date;
}) => ReturnType<Sign>;

/**
 * Mints a certificate for one try of one target. It stands in the log like any other of the authority's, before
 * anybody can use it; no session, since none comes of it. Whether its asker may is asked here, not when the preflight
 * began: a lockout or a change of version in between holds from the next certificate on.
 */
export async function issueProbe(
  look: Look,
  outside: Outside,
  sign: SignProbe,
  asker: string,
  order: Omit<Parameters<SignProbe>[0], 'now'>,
): Promise<Step<Issued>> {
  const refuse = (code: string, line: string): Step<Issued> => ({
    result: { admitted: false, code, lines: [line] },
  });
  const inForce = await look.tenant(order.tenant);
  const { result: shut } = await whyNoTryNow(look, asker, order);
  const why = shut ?? (inForce && whyNoCertificate(inForce));
  if (why) return refuse(why.code, why.line);
  const target = inForce && findTarget(inForce.engagement.targets, order.target);
  const given =
    inForce &&
    cellsCovering(inForce.engagement, order.target).some(({ activity }) =>
      rolesGiven(activity, 'ssh').includes(order.login),
    );
  if (target?.ssh?.trust !== 'ca' || !given)
    return refuse('no-such-target', 'No certificate opens this target.');
  const apart = whyApart(await look.clockSkew());
  if (apart) return refuse('clock-skew', apart);
  const issued = sign({ ...order, now: outside.now });
  return {
    result: { admitted: true, certificate: issued.certificate },
    events: [
      {
        tenant: order.tenant,
        action: 'credential.issued',
        actor: 'broker',
        subject: `target:${order.target}`,
        data: {
          session: null,
          serial: issued.serial,
          certificate: issued.certificate,
          principal: issued.principal,
          source_address: order.sourceAddress,
          valid_after: issued.validAfter.toISOString(),
          valid_before: issued.validBefore.toISOString(),
        },
      },
    ],
  };
}
