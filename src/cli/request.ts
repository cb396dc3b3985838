import { NOTHING_OPENED, wouldHave } from '../domain/observed.ts';
import type { Decision, Request, RequestInFull } from './answers.ts';
import { type Client, openClient } from './client.ts';
import { callIsWrong, Failure } from './failure.ts';
import { jsonText, list, plain, until, wrapped } from './output.ts';
import { askedNow, explanationText, grantLine } from './show.ts';
import type { Terminal } from './terminal.ts';

export interface RequestOptions {
  readonly activity?: string;
  readonly ssh?: string;
  readonly postgres?: string;
  readonly web?: string;
  readonly for: string;
  readonly reason?: string;
  readonly ticket?: string;
  readonly severity?: string;
  readonly at?: string;
  readonly wait?: boolean;
  readonly dryRun?: boolean;
  readonly tenant?: string;
  readonly json?: boolean;
}

const POLL_MS = 2000;
/** So many polls in a row may fail before waiting ends: a broker that restarts is not missed. */
const MOST_FAILURES = 15;

/** `sallyport request TARGET …`: 0 asked (with --wait: approved) or observed, 1 refused, denied, withdrawn or expired. */
export async function request(terminal: Terminal, target: string, options: RequestOptions): Promise<number> {
  const { wait, dryRun, json, ...asked } = options;
  if (!asked.ssh && !asked.postgres && !asked.web) {
    throw callIsWrong('say as whom: --ssh LOGIN, --postgres ROLE or --web ROLE');
  }
  if (!dryRun && !asked.reason?.trim()) {
    throw callIsWrong('say why with --reason TEXT: everybody who is asked reads it');
  }
  const client = openClient(terminal.client());
  const question = { target, ...asked };
  if (dryRun) return answerOnly(terminal, await client.post<Decision>('/decisions', question), json);
  const made = await client.post<Request>('/requests', question);
  if (!wait) {
    terminal.output.write(json ? jsonText(made) : await outcomeText(client, made, terminal.now()));
    return 0;
  }
  const decided = await decision(terminal, client, made);
  terminal.output.write(json ? jsonText(decided) : await outcomeText(client, decided, terminal.now()));
  return decided.state === 'approved' || decided.state === 'observed' ? 0 : 1;
}

function answerOnly(terminal: Terminal, decision: Decision, json: boolean | undefined): number {
  const { cell, approvers } = decision;
  const asks =
    decision.decision === 'needs-approval' ? `${plain`Would ask ${list(approvers)}, for ${cell}.`}\n` : '';
  terminal.output.write(json ? jsonText(decision) : explanationText(decision, 'The matrix would say') + asks);
  return decision.decision === 'refused' ? 1 : 0;
}

/** Polls until nobody is asked any more, with a line that says who is. */
async function decision(terminal: Terminal, client: Client, made: Request): Promise<RequestInFull> {
  let printed = '';
  let failures = 0;
  const say = (asked: string, now: Date) => {
    const line = plain`Waiting for ${asked} (${made.id})`;
    if (terminal.errorsAreScreen) {
      const text = `${line}, ${until(made.expires_at, now)}`;
      terminal.errors.write(`\r\x1b[K${text.length > 79 ? `${text.slice(0, 78)}…` : text}`);
    } else if (line !== printed) terminal.errors.write(`${line}\n`);
    printed = line;
  };
  for (;;) {
    try {
      const request = await client.get<RequestInFull>(`/requests/${made.id}`);
      failures = 0;
      if (request.state !== 'waiting') {
        if (terminal.errorsAreScreen && printed) terminal.errors.write('\r\x1b[K');
        return request;
      }
      say(askedNow(request, terminal.now()), terminal.now());
    } catch (error) {
      const lost = error instanceof Failure && error.exit === 3;
      if (!lost || ++failures >= MOST_FAILURES) {
        if (terminal.errorsAreScreen && printed) terminal.errors.write('\n');
        throw error;
      }
    }
    await terminal.pause(POLL_MS);
  }
}

/** What came of it, and the command that comes next. */
async function outcomeText(client: Client, request: Request | RequestInFull, now: Date): Promise<string> {
  if (request.state === 'waiting') {
    return [
      wrapped(plain`Waits for ${askedNow(request, now)}, ${until(request.expires_at, now)}.`, 0),
      plain`Follow it: sallyport show ${request.id}`,
      '',
    ].join('\n');
  }
  if (request.state === 'observed') {
    return [
      wrapped(plain`Observe mode: ${wouldHave(request.decision)}. ${NOTHING_OPENED}`, 0),
      plain`It is recorded: sallyport show ${request.id}`,
      '',
    ].join('\n');
  }
  if (request.state !== 'approved') {
    const answers = 'approvals' in request ? request.approvals.filter(({ answer }) => answer === 'no') : [];
    const why = answers.map(({ person, reason }) => plain` by ${person.name}: ${reason}`).join(';');
    return `${wrapped(`${plain`Not approved: ${request.state}`}${why}`, 0)}\n`;
  }
  const { grant } = 'grant' in request ? request : await client.get<RequestInFull>(`/requests/${request.id}`);
  const term = grant ? plain`: ${grantLine(grant, now)}` : '';
  const place = `${request.role}@${request.target}.${request.tenant}`;
  const next = request.protocol === 'ssh' ? plain`Connect: sallyport ssh ${place}\n` : '';
  const how = request.decision.decision === 'pre-approved' ? 'Pre-approved' : 'Approved';
  return `${wrapped(`${how}${term}`, 0)}\n${next}`;
}
