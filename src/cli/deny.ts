import type { Request, RequestInFull } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { answerIsNo } from './failure.ts';
import { jsonText, plain } from './output.ts';
import { requestText } from './show.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport deny ID --reason TEXT`: shows the request and sends its digest with the no. */
export async function deny(
  terminal: Terminal,
  id: string,
  options: { reason: string; json?: boolean },
): Promise<void> {
  const client = openClient(terminal.client());
  const request = await client.get<RequestInFull>(`/requests/${idPart(id)}`);
  const screen = options.json ? terminal.errors : terminal.output;
  screen.write(requestText(request, terminal.now()));
  if (request.state !== 'waiting') {
    throw answerIsNo(`it is ${request.state}, so there is nothing to deny`, request);
  }
  const { digest } = request;
  const after = await client.post<Request>(`/requests/${id}/deny`, { digest, reason: options.reason });
  const { who, role, target } = after;
  terminal.output.write(
    options.json
      ? jsonText(after)
      : `${plain`Denied: ${who.name} gets no ${role} on ${target}, and is told why.`}\n`,
  );
}
