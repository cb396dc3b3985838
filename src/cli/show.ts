import { formatDuration, parseDuration as secondsOf } from '../domain/duration.ts';
import { wouldHave } from '../domain/observed.ts';
import { visible } from '../domain/visible-text.ts';
import type { Decision, Grant, Request, RequestInFull } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { facts, jsonText, list, plain, since, until, wrapped } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport show ID` */
export async function show(terminal: Terminal, id: string, options: { json?: boolean }): Promise<void> {
  const request = await openClient(terminal.client()).get<RequestInFull>(`/requests/${idPart(id)}`);
  terminal.output.write(options.json ? jsonText(request) : requestText(request, terminal.now()));
}

/** Everything that an answer answers, people first, ids last. */
export function requestText(request: RequestInFull, now: Date): string {
  const { who, decision_now: decision } = request;
  const head = plain`${who.name} (${who.party}, ${who.handle}) asks for ${request.role} on ${request.target}.${request.tenant}`;
  return [
    `${wrapped(head, 0)}\n`,
    facts([
      ['state', stateText(request, now)],
      ['access', `${request.protocol}, ${request.role}, for ${formatDuration(request.seconds)}`],
      ['begins', request.starts_at && since(request.starts_at, now)],
      ['reason', request.reason],
      ['ticket', request.ticket],
      ['severity', request.severity],
      [
        'cell',
        decision.exception ? `${decision.cell}, by its exception ${decision.exception}` : decision.cell,
      ],
      ['asked', request.state === 'waiting' ? askedNow(request, now) : null],
      [
        'observed',
        request.state === 'observed' ? `nothing was opened; ${wouldHave(request.decision)}` : null,
      ],
      ['co-approve', decision.co_approve.length > 0 ? list(decision.co_approve) : null],
      ['obliges to', decision.obligations.length > 0 ? list(decision.obligations) : null],
      ...request.approvals.map(
        ({ place, person, answer, reason, at }) =>
          [answer, `${person.name} (${place}), ${since(at, now)}${reason ? `: ${reason}` : ''}`] as const,
      ),
      ['grant', request.grant && grantLine(request.grant, now)],
    ]),
    `${explanationText(decision, request.state === 'waiting' ? 'The matrix in force says' : 'The matrix in force would say')}`,
    facts([
      ['page', request.url],
      ['matrix', decision.matrix],
      ['digest', request.digest],
      ['id', request.revision > 1 ? `${request.id}, revision ${request.revision}` : request.id],
    ]),
  ].join('');
}

/** The decision's reason in the matrix's words. */
export function explanationText(decision: Decision, head: string): string {
  const lines = decision.explanation.map(line => `${wrapped(`- ${visible(line)}`, 4)}\n`);
  return `  ${head}: ${plain`${decision.decision}${decision.code ? ` (${decision.code})` : ''}`}\n${lines.join('')}`;
}

function stateText(request: Request, now: Date): string {
  if (request.state === 'waiting') return `waiting, ${until(request.expires_at, now)}`;
  return `${request.state}, ${since(request.decided_at ?? request.created_at, now)}`;
}

/** Whose turn it is: the rungs of the ladder that have been reached, and the co-approvers. */
export function askedNow(request: Pick<Request, 'created_at' | 'decision'>, now: Date): string {
  const elapsed = (now.getTime() - new Date(request.created_at).getTime()) / 1000;
  const reached = request.decision.ladder.filter(
    ({ after }) => after === '0s' || (secondsOf(after) ?? 0) <= elapsed,
  );
  const rungs = reached.map(({ squad, people }) => `${squad} (${list(people)})`);
  return list([...rungs, ...request.decision.co_approve.map(squad => `with ${squad}`)]);
}

export const grantLine = (grant: Grant, now: Date): string =>
  grant.live
    ? `${until(grant.ends_at, now)} (${grant.id})`
    : grant.ended_at === null && new Date(grant.starts_at) > now
      ? `begins ${since(grant.starts_at, now)} (${grant.id})`
      : `over: ${grant.end_reason ?? 'deadline'}, ${since(grant.ended_at ?? grant.ends_at, now)} (${grant.id})`;
