import type { Request, RequestInFull } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { answerIsNo } from './failure.ts';
import { jsonText, plain } from './output.ts';
import { askedNow, requestText } from './show.ts';
import { confirmed, type Terminal } from './terminal.ts';

/**
 * `sallyport approve ID`: shows the request and sends its digest with the yes. If it moved in between, the broker
 * answers 409 and nothing happens.
 */
export async function approve(
  terminal: Terminal,
  id: string,
  options: { reason?: string; yes?: boolean; json?: boolean },
): Promise<void> {
  const client = openClient(terminal.client());
  const request = await client.get<RequestInFull>(`/requests/${idPart(id)}`);
  const screen = options.json ? terminal.errors : terminal.output;
  screen.write(requestText(request, terminal.now()));
  if (request.state !== 'waiting') {
    throw answerIsNo(
      `it is ${request.state}, so there is nothing to approve; whoever needs it asks anew`,
      request,
    );
  }
  if (!(await confirmed(terminal, 'Approve exactly this?', options.yes))) {
    throw answerIsNo('not approved: no answer was sent');
  }
  const after = await client.post<Request>(`/requests/${id}/approve`, {
    digest: request.digest,
    ...(options.reason === undefined ? {} : { reason: options.reason }),
  });
  if (options.json) terminal.output.write(jsonText(after));
  else if (after.state === 'waiting') {
    terminal.output.write(
      `${plain`Your yes is recorded; more are needed: ${askedNow(after, terminal.now())}`}\n`,
    );
  } else terminal.output.write(`${plain`Done: ${after.state}. ${after.who.name} is told.`}\n`);
}
