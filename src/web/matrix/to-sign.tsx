import type { Application } from '../../api/application.ts';
import { signsFor } from '../../domain/permission.ts';
import { visible } from '../../domain/visible-text.ts';
import { listProposals } from '../../store/proposals.ts';
import { Notice } from '../parts.tsx';
import type { Reader } from '../reader.ts';

/** Versions that wait for this reader's signature. */
export async function ToSign({ app, reader }: { app: Application; reader: Reader }) {
  const waiting = await Promise.all(
    reader.memberships
      .filter(({ engagement, member }) => signsFor(engagement, member) !== null)
      .map(async ({ tenant, member }) =>
        (await listProposals(app.database, { tenant, states: ['open'] })).filter(
          ({ signatures }) => !signatures.some(({ party }) => party === member.party),
        ),
      ),
  );
  return (
    <>
      {waiting.flat().map(({ proposal: { id, version, tenant, change } }) => (
        <Notice
          kind="waiting"
          title={`Version ${version} of the matrix of ${tenant} waits for your signature`}
        >
          {change === null ? '' : `${visible(change)}. `}
          <a href={`/matrix/proposals/${id}`}>Read what it changes, and sign</a>
        </Notice>
      ))}
    </>
  );
}
