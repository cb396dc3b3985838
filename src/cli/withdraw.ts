import type { Request } from './answers.ts';
import { idPart, openClient } from './client.ts';
import { jsonText, plain } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `sallyport withdraw ID` */
export async function withdraw(terminal: Terminal, id: string, options: { json?: boolean }): Promise<void> {
  const after = await openClient(terminal.client()).post<Request>(`/requests/${idPart(id)}/withdraw`);
  terminal.output.write(
    options.json ? jsonText(after) : `${plain`Withdrawn: ${after.role} on ${after.target}.`}\n`,
  );
}
