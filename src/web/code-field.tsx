import type { Child } from 'hono/jsx';

/** Where a person types the code that their terminal shows, with a warning for whoever was sent here by another. */
export const CodeField = ({ wrong, children }: { wrong: boolean; children: Child }) => (
  <>
    <label for="code">
      The code that your own terminal shows
      <input
        id="code"
        name="code"
        class="code"
        autocomplete="off"
        autocapitalize="characters"
        spellcheck={false}
        maxlength={40}
        placeholder="XXXX-XXXX"
        required
        aria-describedby="code-hint"
        {...(wrong ? { 'aria-invalid': 'true' as const } : {})}
      />
    </label>
    <p id="code-hint" class="muted">
      {children}
    </p>
  </>
);
