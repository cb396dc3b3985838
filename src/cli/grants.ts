import type { Grant } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { jsonText, plain, since, stateColour, table, untilShort } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport grants [--live]` */
export async function grants(
  terminal: Terminal,
  options: { live?: boolean; tenant?: string; json?: boolean },
): Promise<void> {
  const configuration = terminal.client();
  const answer = await openClient(configuration).get<{ grants: Grant[] }>('/grants', {
    tenant: options.tenant,
    live: options.live ? 'true' : undefined,
  });
  if (options.json) {
    terminal.output.write(jsonText(answer));
    return;
  }
  if (answer.grants.length === 0) {
    terminal.output.write(
      `No ${options.live ? 'live ' : ''}grant. Ask for access: sallyport request TARGET --ssh LOGIN --for 1h --reason TEXT\n`,
    );
    return;
  }
  const now = terminal.now();
  const state = (grant: Grant) =>
    grant.live ? 'live' : grant.ended_at === null && new Date(grant.starts_at) > now ? 'later' : 'ended';
  const when = (grant: Grant) =>
    ({
      live: untilShort(grant.ends_at, now),
      later: since(grant.starts_at, now),
      ended: since(grant.ended_at ?? grant.ends_at, now),
    })[state(grant)];
  terminal.output.write(
    table(
      [
        { head: 'STATE', paint: stateColour(configuration.colour) },
        { head: 'HOLDER', shrinks: true },
        { head: 'ACCESS', shrinks: true },
        { head: 'WHEN', shrinks: true },
        { head: 'ID' },
      ],
      answer.grants.map(grant => [
        state(grant),
        grant.holder.name,
        `${grant.role}@${grant.target}.${grant.tenant}`,
        when(grant),
        grant.id,
      ]),
    ),
  );
}

/** `sallyport handback ID` and `sallyport revoke ID` */
export async function endGrant(
  terminal: Terminal,
  verb: 'handback' | 'revoke',
  id: string,
  options: { json?: boolean },
): Promise<void> {
  const grant = await openClient(terminal.client()).post<Grant>(`/grants/${idPart(id)}/${verb}`);
  const done = verb === 'revoke' ? 'Revoked, its sessions with it' : 'Handed back';
  terminal.output.write(
    options.json
      ? jsonText(grant)
      : `${done}: ${plain`${grant.holder.name}, ${grant.role} on ${grant.target}.`}\n`,
  );
}
