import { visible } from '../../domain/visible-text.ts';
import type { PlacedFinding } from '../../matrices/placed-findings.ts';

/** What the check finds in a version, with what would mend it. */
export function Findings({ of }: { of: readonly PlacedFinding[] }) {
  if (of.length === 0) return null;
  return (
    <section class="findings">
      <h2>What is not in order</h2>
      <ul>
        {of.map(({ finding: { severity, code, message, mend } }) => (
          <li>
            <b class={`mark ${severity === 'error' ? 'gap' : ''}`}>
              {severity === 'error' ? '▲ Gap' : '△ Warning'}
            </b>{' '}
            <code>{code}</code>: {visible(message)}. <span class="muted">Mend: {visible(mend)}.</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
