import type { AuditAction, AuditData } from '../../domain/audit-event.ts';
import { lengthWords } from '../time-words.ts';
import { endWords } from './sessions.tsx';

/** How ids of people and times are said. */
export interface Saying {
  name(person: string): string;
  time(at: string): string;
}

const plural = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
const what = (facts: { protocol: string; role: string; target: string }): string =>
  `${facts.protocol} ${facts.role} on ${facts.target}`;
const short = (hash: string): string => hash.slice(0, 12);

/** What an entry says after its actor's name: one sentence an action. */
const SENTENCES: { readonly [A in AuditAction]?: (data: AuditData[A], saying: Saying) => string } = {
  'matrix.proposed': data =>
    `put up version ${data.version} of the matrix for signing (${short(data.document)})`,
  'matrix.signed': data => `signed ${short(data.document)} for ${data.squad}`,
  'matrix.closed': data => `closed the proposal ${short(data.document)}: ${data.reason}`,
  'binding.confirmed': data => `made it certain who ${data.email} means, by both signatures`,
  'matrix.in-force': data => `put version ${data.version} of the matrix in force (${short(data.digest)})`,
  'person.signed-in': data =>
    `signed in at ${data.issuer}${data.groups.length ? `, in ${data.groups.join(', ')}` : ''}`,
  'person.signed-out': () => 'signed out',
  'person.bound': data => `is from now on who ${data.email} means`,
  'token.issued': () => 'was given a token',
  'token.revoked': () => 'revoked a token',
  'device.confirmed': (data, { time }) =>
    `signed in the command line at ${data.address}, until ${time(data.expires_at)}`,
  'device.refused': data => `refused to sign in the command line at ${data.address}`,
  'key.added': data => `registered an SSH key, ${data.fingerprint}`,
  'key.removed': data => `removed an SSH key, ${data.fingerprint}`,
  'host-key.pinned': data => `pinned the host key of ${data.target}, ${data.fingerprint}`,
  'ca.created': data => `made the certificate authority for ${data.protocol}`,
  'log.key': () => 'announced the key that signs checkpoints',
  'sealing-key.rotated': data => `sealed ${plural(data.secrets, 'secret')} again, under a new key`,
  'backup.taken': data => `took a backup, ${plural(data.entries, 'entry').replace('entrys', 'entries')}`,
  'backup.restored': (data, { time }) =>
    `was restored from the backup of ${time(data.taken_at)}; what came after it is not here`,
  'request.refused': data => `asked for ${what(data)} and was refused: ${data.code}`,
  'request.submitted': data =>
    `asked for ${what(data)} for ${lengthWords(data.seconds)}, by ${data.cell ?? 'no line'}; ${
      data.answer === 'pre-approved' ? 'pre-approved' : `${data.approvers.join(', ')} may answer`
    }`,
  'request.observed': data =>
    `asked for ${what(data)} for ${lengthWords(data.seconds)}, by ${data.cell ?? 'no line'}; observed only: ${
      data.answer === 'pre-approved'
        ? 'it would have been pre-approved'
        : `${data.approvers.join(', ')} would have been asked`
    }`,
  'request.amended': data => `changed the request: ${what(data)} for ${lengthWords(data.seconds)}`,
  'request.approved': data =>
    `approved it${data.place === 'approver' ? '' : ` for ${data.place.slice(3)}`}, by ${data.cell}`,
  'request.denied': () => 'denied it',
  'request.withdrawn': () => 'withdrew the request',
  'request.expired': data => `let the request lapse: ${data.asked.join(', ') || 'nobody'} did not answer`,
  'grant.opened': (data, { name, time }) =>
    `gave ${name(data.person)} ${what(data)} until ${time(data.ends_at)}`,
  'grant.ended': data => `ended the grant: ${data.reason.replaceAll('-', ' ')}`,
  'session.refused': data => `was not let in by ${data.protocol} from ${data.address}: ${data.code}`,
  'terminal.signed-in': data => `signed in at a terminal at ${data.address}`,
  'host-key.unpinned': data => `no longer takes ${data.fingerprint} as a host key of ${data.target}`,
  'session.admitted': data => `was let in to ${what(data)} (${data.kind}) from ${data.address}`,
  'credential.issued': (data, { time }) =>
    `issued a certificate ${data.session === null ? 'that can do nothing, to try ' : 'for '}${data.principal}, good until ${time(data.valid_before)}`,
  'preflight.run': (data, { time }) =>
    `asked whether all would be ready at ${time(data.at)} on ${data.targets.join(', ')}: ${data.failed} of ${plural(data.checks, 'check')} failed`,
  'session.terminated': () => 'ended the session by hand',
  'session.incident': data => `reported an incident, ${data.kind}: ${data.detail}`,
  'recording.segment': data =>
    `sealed segment ${data.index} of the recording, ${plural(data.length, 'byte')}`,
  'session.ended': data =>
    `closed the session: ${endWords(data.reason)}${data.cut_delay_ms === null ? '' : `, ${data.cut_delay_ms} ms after the deadline`}`,
  'recording.viewed': () => 'looked at the recording',
  'log.exported': data => `exported the log, ${plural(data.entries, 'entry').replace('entrys', 'entries')}`,
  'message.delivered': data => `delivered a message to ${data.channel}`,
  'message.failed': data => `could not deliver a message to ${data.channel}`,
  'lockout.begun': data =>
    `shut the provider out: ${plural(data.grants, 'grant')}, ${plural(data.sessions, 'session')}`,
  'lockout.lifted': () => 'lifted the lockout',
};

/** An action that has no sentence yet is shown by its name: nothing in the log is left out. */
export function sentenceOf(action: string, data: unknown, saying: Saying): string {
  if (!Object.hasOwn(SENTENCES, action)) return action;
  const say = SENTENCES[action as AuditAction] as (data: unknown, saying: Saying) => string;

  try {
    return say(data, saying);
  } catch {
    // An older version wrote less into it.
    return action;
  }
}

export const KNOWN_ACTIONS: readonly string[] = Object.keys(SENTENCES);
