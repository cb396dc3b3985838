import type { AuditEvent } from '../../src/domain/audit-event.ts';
import { chain, checkpointFor, file, testKey } from './sample.ts';

/** The example that FORMAT.md shows and `test/vectors/audit/example` holds: small, and the same in every run. */
export function example(): { log: string; checkpoint: string; vkey: string } {
  const events: AuditEvent[] = [
    {
      tenant: 'acme',
      action: 'token.issued',
      actor: 'person:p_maya',
      subject: 'p_maya',
      data: { token: 't_1', expires_at: '2026-11-21T03:00:00.000Z' },
    },
    {
      tenant: 'acme',
      action: 'grant.ended',
      actor: 'broker',
      subject: 'g_1',
      data: { reason: 'deadline', ended_at: '2026-11-20T15:00:00.250Z' },
    },
    { tenant: 'acme', action: 'person.signed-out', actor: 'person:p_maya', subject: 'p_maya', data: {} },
  ];
  const { signer, vkey } = testKey(0x2a);
  const lines = chain(events);
  return { log: file(lines), checkpoint: checkpointFor(lines, signer), vkey: `${vkey}\n` };
}
