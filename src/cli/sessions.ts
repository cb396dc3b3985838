import type { Session } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { jsonText, plain, since, stateColour, table, untilShort } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport sessions [--live]` */
export async function sessions(
  terminal: Terminal,
  options: { live?: boolean; tenant?: string; json?: boolean },
): Promise<void> {
  const configuration = terminal.client();
  const answer = await openClient(configuration).get<{ sessions: Session[] }>('/sessions', {
    tenant: options.tenant,
    live: options.live ? 'true' : undefined,
  });
  if (options.json) {
    terminal.output.write(jsonText(answer));
    return;
  }
  if (answer.sessions.length === 0) {
    terminal.output.write(
      options.live
        ? 'Nobody is inside now.\n'
        : 'No session yet. With a live grant: sallyport ssh LOGIN@TARGET\n',
    );
    return;
  }
  const now = terminal.now();
  terminal.output.write(
    table(
      [
        { head: 'STATE', paint: stateColour(configuration.colour) },
        { head: 'WHO', shrinks: true },
        { head: 'ACCESS', shrinks: true },
        { head: 'WHAT', shrinks: true },
        { head: 'WHEN', shrinks: true },
        { head: 'ID' },
      ],
      answer.sessions.map(session => [
        session.ended_at === null ? 'live' : 'ended',
        session.person.name,
        `${session.role}@${session.target}`,
        session.command ?? session.kind,
        session.ended_at === null ? untilShort(session.deadline, now) : since(session.ended_at, now),
        session.id,
      ]),
    ),
  );
}

/** `sallyport terminate ID` */
export async function terminate(terminal: Terminal, id: string, options: { json?: boolean }): Promise<void> {
  const told = await openClient(terminal.client()).post<{ id: string }>(`/sessions/${idPart(id)}/terminate`);
  terminal.output.write(
    options.json ? jsonText(told) : `${plain`The gateway was told to end ${told.id}; its grant stays.`}\n`,
  );
}
