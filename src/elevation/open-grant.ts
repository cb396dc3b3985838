import type { AuditEvent } from '../domain/audit-event.ts';
import { timeAt } from '../domain/calendar.ts';
import { type Grant, termOf } from '../domain/grant.ts';
import { handleOf } from '../domain/membership.ts';
import type { Person } from '../domain/person.ts';
import type { AccessRequest } from '../domain/request.ts';
import type { Assessment } from './assess.ts';
import { type Change, type Letter, type Outside, Refused } from './contract.ts';
import { linesOf } from './letters.ts';
import { requireEnforced } from './observing.ts';

/**
 * A yes becomes a grant, in the commit of the answer that completed it. Its clock starts now (or at the asked
 * start), not when it was asked for.
 *
 * @throws Refused `outside-window` when nothing is left of the window, `observed` where the matrix opens nothing
 */
export function openGrant(
  outside: Outside,
  request: AccessRequest,
  asker: Person,
  { decision, engagement }: Assessment,
  actor: string,
): { grant: Grant; changes: Change[]; events: AuditEvent[]; letters: Letter[] } {
  requireEnforced({ engagement });
  const term = termOf(request, decision.ends_by, outside.now);
  if (!term) throw new Refused('outside-window', 'The window for this has closed.', 409);
  const grant: Grant = {
    id: outside.id('g'),
    request: request.id,
    tenant: request.tenant,
    person: request.person,
    party: request.party,
    target: request.target,
    protocol: request.protocol,
    role: request.role,
    cell: decision.cell!,
    ...term,
    endedAt: null,
    endReason: null,
  };
  const party = engagement.matrix.parties[request.party].name;
  const letter = {
    tenant: grant.tenant,
    lines: [
      ...linesOf(request, asker, party),
      ...(decision.obligations.length > 0
        ? [{ label: 'With it', text: decision.obligations.join(', ') }]
        : []),
    ],
    path: `/r/${request.id}`,
    dueAt: null,
    whileWaiting: null,
  };
  const until = timeAt(grant.endsAt.getTime(), engagement.matrix.timezone);
  const preApproved = decision.decision === 'pre-approved';
  const holds = `${asker.name} (${party}) holds ${grant.role} on ${grant.target} until ${until}`;
  const title = preApproved ? `Nobody was asked, by ${decision.exception ?? decision.cell}: ${holds}` : holds;
  // Acting now and reviewing after only works when the accountable hear of it at once.
  const owners = preApproved ? decision.ladder.flatMap(rung => [rung.squad, ...rung.people]) : [];
  const informed = [...owners, ...decision.informed];
  return {
    grant,
    changes: [{ insert: 'grant', record: grant }],
    events: [
      {
        tenant: grant.tenant,
        action: 'grant.opened',
        actor,
        subject: grant.id,
        data: {
          request: grant.request,
          person: grant.person,
          target: grant.target,
          protocol: grant.protocol,
          role: grant.role,
          cell: grant.cell,
          starts_at: grant.startsAt.toISOString(),
          ends_at: grant.endsAt.toISOString(),
        },
      },
    ],
    letters: [
      ...(preApproved
        ? []
        : [
            {
              ...letter,
              kind: 'request-decided' as const,
              to: [handleOf(asker)],
              party: request.party,
              title: `Approved: ${title}`,
            },
            // Whoever was asked besides need not look any more.
            {
              ...letter,
              kind: 'request-decided' as const,
              to: decision.ladder.map(rung => rung.squad),
              title: `Answered: ${title}`,
            },
          ]),
      ...(informed.length > 0
        ? [
            {
              ...letter,
              kind: preApproved ? ('grant-opened' as const) : ('informed' as const),
              to: informed,
              title,
            },
          ]
        : []),
    ],
  };
}
