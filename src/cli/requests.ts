import { formatDuration } from '../domain/duration.ts';
import type { Request } from './answers.ts';
import { openClient } from './client.ts';
import { jsonText, since, stateColour, table, untilShort } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport requests [--mine] [--state S]`, the newest first. */
export async function requests(
  terminal: Terminal,
  options: { mine?: boolean; state?: string; tenant?: string; json?: boolean },
): Promise<void> {
  const configuration = terminal.client();
  const { tenant, state } = options;
  const answer = await openClient(configuration).get<{ requests: Request[] }>('/requests', {
    tenant,
    state,
    mine: options.mine ? 'true' : undefined,
  });
  if (options.json) {
    terminal.output.write(jsonText(answer));
    return;
  }
  if (answer.requests.length === 0) {
    terminal.output.write(
      'Nothing here. Ask for access: sallyport request TARGET --ssh LOGIN --for 1h --reason TEXT\n',
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
        { head: 'FOR' },
        { head: 'WHEN', shrinks: true },
        { head: 'ID' },
      ],
      answer.requests.map(request => [
        request.state,
        `${request.who.name} (${request.who.party})`,
        `${request.role}@${request.target}`,
        formatDuration(request.seconds),
        request.state === 'waiting'
          ? untilShort(request.expires_at, now)
          : since(request.decided_at ?? request.created_at, now),
        request.id,
      ]),
    ),
  );
}
