import type { Owners, Staffed } from './answers.ts';
import { openClient } from './client.ts';
import { facts, jsonText, list, plain } from './output.ts';
import type { Terminal } from './terminal.ts';

const staffed = ({ squad, people }: Staffed): string => `${squad} (${list(people)})`;
const all = (squads: readonly Staffed[]): string | null => squads.map(staffed).join('; ') || null;

const steps = (texts: readonly string[]): string | null => texts.join('; ') || null;

/** `sallyport owners TARGET` */
export async function owners(
  terminal: Terminal,
  target: string,
  options: { tenant?: string; json?: boolean },
): Promise<void> {
  const answer = await openClient(terminal.client()).get<{
    target: string;
    tenant: string;
    owners: Owners[];
  }>('/owners', { target, tenant: options.tenant });
  if (options.json) {
    terminal.output.write(jsonText(answer));
    return;
  }
  if (answer.owners.length === 0) {
    const place = `${answer.target}.${answer.tenant}`;
    terminal.output.write(
      `${plain`No cell of the matrix covers ${place}: nobody owns it, and nobody may ask.`}\n`,
    );
    return;
  }
  for (const owner of answer.owners) {
    terminal.output.write(`${plain`${owner.cell}`}${owner.label ? plain`: ${owner.label}` : ''}\n`);
    terminal.output.write(
      facts([
        ['responsible', all(owner.R)],
        ['accountable', staffed(owner.A)],
        ['in its place', owner.A2 && staffed(owner.A2)],
        ['consulted', all(owner.C)],
        ['informed', all(owner.I)],
        ['escalates to', all(owner.escalate)],
        ['runbook', owner.runbook],
        ['rollback', owner.rollback],
        ['to take over', steps(owner.takeover)],
        ['to hand back', steps(owner.handback)],
        ['answers to', steps(owner.controls)],
      ]),
    );
  }
}
