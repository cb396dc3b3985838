import { formatDuration, parseDuration } from '../domain/duration.ts';
import type { Person } from '../domain/person.ts';
import type { AccessRequest } from '../domain/request.ts';
import type { Assessment } from './assess.ts';
import type { Letter } from './contract.ts';

/** One letter a rung, each due when its rung is; the consulted are told at once, the last rung's silence escalates. */
export function lettersTo(
  request: AccessRequest,
  asker: Person,
  { decision, engagement }: Assessment,
): Letter[] {
  const party = engagement.matrix.parties[request.party].name;
  const base = {
    tenant: request.tenant,
    lines: linesOf(request, asker, party),
    path: `/r/${request.id}`,
    whileWaiting: request.id,
  };
  const title = `${asker.name} (${party}) asks for ${request.role} on ${request.target}`;
  const dueAfter = (seconds: number) =>
    seconds === 0 ? null : new Date(request.createdAt.getTime() + seconds * 1000);
  const letters: Letter[] = decision.ladder.map(rung => ({
    ...base,
    kind: 'approval-asked',
    to: [rung.squad, ...rung.people],
    title,
    dueAt: dueAfter(parseDuration(rung.after) ?? 0),
  }));
  if (decision.co_approve.length > 0) {
    letters.push({
      ...base,
      kind: 'approval-asked',
      to: decision.co_approve,
      title: `${title}: your yes is needed too`,
      dueAt: null,
    });
  }
  if (decision.consulted.length > 0) {
    letters.push({
      ...base,
      kind: 'consulted',
      to: decision.consulted,
      title: `${title}: you are consulted`,
      dueAt: null,
    });
  }
  return letters;
}

/** What is asked, as every letter about it shows it. */
export const linesOf = (request: AccessRequest, asker: Person, party: string) => [
  { label: 'Who', text: `${asker.name}, ${party}` },
  { label: 'What', text: `${request.protocol} as ${request.role} on ${request.target}` },
  { label: 'How long', text: formatDuration(request.seconds) },
  { label: 'Cell', text: request.decision.cell ?? 'none' },
  { label: 'Why', text: request.reason },
  ...(request.ticket ? [{ label: 'Ticket', text: request.ticket }] : []),
];
