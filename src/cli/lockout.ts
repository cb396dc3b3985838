import type { Lockout } from './answers.ts';
import { openClient } from './client.ts';
import { answerIsNo } from './failure.ts';
import { jsonText, plain, since } from './output.ts';
import { confirmed, type Terminal } from './terminal.ts';

export interface LockoutOptions {
  readonly reason?: string;
  readonly lift?: boolean;
  readonly status?: boolean;
  readonly yes?: boolean;
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `sallyport lockout`, `--lift`, `--status`. Names the engagement before it asks. */
export async function lockout(terminal: Terminal, options: LockoutOptions): Promise<void> {
  const client = openClient(terminal.client());
  const say = (answer: Lockout, text: string) =>
    terminal.output.write(options.json ? jsonText(answer) : `${text}\n`);
  const state = await client.get<Lockout>('/lockout', { tenant: options.tenant });
  const { tenant } = state;
  if (options.status) {
    const shut = plain`${tenant} has been locked since ${since(state.since, terminal.now())}.`;
    say(state, state.locked_out ? shut : plain`${tenant} is not locked.`);
    return;
  }
  const question = options.lift
    ? plain`Lift the lockout of ${tenant}, so that grants can be given again?`
    : plain`Shut every MSP grant and session of ${tenant} now?`;
  if (!(await confirmed(terminal, question, options.yes))) throw answerIsNo('nothing was done');
  if (options.lift) {
    const lifted = await client.delete<Lockout>('/lockout', { tenant });
    say(lifted, plain`Lifted for ${tenant}: grants that were ended stay ended.`);
    return;
  }
  const body = options.reason === undefined ? {} : { reason: options.reason };
  const done = await client.post<Lockout>('/lockout', body, { tenant });
  say(
    done,
    plain`Locked: ${done.grants} grants and ${done.sessions} sessions of ${tenant} ended. The first squad of governance.lockout lifts it: sallyport lockout --lift`,
  );
}
