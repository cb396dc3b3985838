import type { Owners, Staffed } from './answers.ts';
import { openClient } from './client.ts';
import { callIsWrong } from './failure.ts';
import { facts, jsonText, list, plain, untilShort } from './output.ts';
import type { Terminal } from './terminal.ts';

const staffed = ({ squad, people }: Staffed): string => `${squad} (${list(people)})`;
const all = (squads: readonly Staffed[]): string | null => squads.map(staffed).join('; ') || null;

const steps = (texts: readonly string[]): string | null => texts.join('; ') || null;

/** Whether it would be answered now, and by whom first. */
function standing({ primary, answer, exception, co_approve }: Owners): string {
  const by = exception === null ? '' : `, by exception "${exception}"`;
  if (answer === 'pre-approved') return `pre-approved${by}: nobody has to answer`;
  const besides = co_approve.length > 0 ? `, and one of ${list(co_approve)}` : '';
  return `${primary ?? 'nobody'} is asked first${besides}${by}`;
}

function opening({ open, open_when, open_until }: Owners, now: Date): string | null {
  if (open_when === null) return null;
  if (!open) return `no: ${open_when}`;
  return open_until === null ? `yes: ${open_when}` : `yes, for ${untilShort(open_until, now)}: ${open_when}`;
}

/** `sallyport owners TARGET`, or with the address that an alert names */
export async function owners(
  terminal: Terminal,
  target: string | undefined,
  options: { address?: string; severity?: string; tenant?: string; json?: boolean },
): Promise<void> {
  const { address, severity, tenant } = options;
  if ((target === undefined) === (address === undefined)) {
    throw callIsWrong('say a target, or --address HOST in its place');
  }
  const answer = await openClient(terminal.client()).get<{
    target: string;
    tenant: string;
    owners: Owners[];
  }>('/owners', { target, address, severity, tenant });
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
  if (address !== undefined) terminal.output.write(`${plain`${answer.target}.${answer.tenant}`}\n`);
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
        ['now', standing(owner)],
        ['open now', opening(owner, terminal.now())],
        ['ask', owner.ask],
        ['page', owner.page],
      ]),
    );
  }
}
