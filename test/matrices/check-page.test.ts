import { expect, it } from 'vitest';
import type { Check } from '../../src/matrices/check/finding.ts';
import { CHECKS } from '../../src/matrices/check/table.ts';

const FOREWORD = `# What \`matrix check\` finds

    sallyport matrix check [DIR] [--at TIME] [--json | --sarif]

reads a tenant's folder, or a folder of them, and tells what is gray before an
incident does. It needs no broker and no sign-in. A *gap* (\`error\`) is something
before which somebody will stand; a *warning* wants attention. It exits 1 when
there is a gap, 0 when there are at most warnings, 2 when a file cannot be read
or the call is wrong.

**What it knows of people** is what the files say: the \`people\` of a squad, its
\`primary\` and \`secondary\`, and the people of \`expectations.yaml\` with their
groups. A squad that takes a \`group\` may hold anybody to whom the identity
provider gives it, so such a squad is never found short of people; each check
below says what it makes of that. A squad that only names its \`people\` is known
to the last one. What is so today, with everybody who has signed in, is the
question of \`sallyport preflight\`.

**On a code host.** \`--sarif\` writes SARIF 2.1.0 with places relative to the
working folder, so run it at the root of the checkout and upload the file. A
finding keeps its fingerprint while lines move and while what it is about keeps
its name. A file that cannot be read is told as \`unsound-file\`.

| code | | finds |
| --- | --- | --- |
`;

const row = ({ code, severity, title }: Check): string =>
  `| [\`${code}\`](#${code}) | ${severity} | ${title} |`;
const section = ({ code, severity, title, help, mend }: Check): string =>
  `## ${code}\n\n${title} (${severity}).\n\n${help}\n\n**Mend.** ${mend}\n`;

// Written from the table: `npx vitest run --project embedded test/matrices/check-page.test.ts -u` writes it anew.
it('docs/matrix-check.md says of each check what the table says', async () => {
  const page = `${FOREWORD}${CHECKS.map(row).join('\n')}\n\n${CHECKS.map(section).join('\n')}`;
  await expect(page).toMatchFileSnapshot('../../docs/matrix-check.md');
});

it('each code is there once and reads as a name', () => {
  const codes = CHECKS.map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  for (const code of codes) expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
});
