import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { dateAt } from '../../domain/calendar.ts';
import { nearestOf } from '../../matrices/problem.ts';
import type { VersionTexts } from '../../matrices/read.ts';
import {
  type Answers,
  filledTemplate,
  TEMPLATE_NAMES,
  type TemplateName,
  wrongAnswer,
} from '../../matrices/template.ts';
import { json, type Said, say, wrong } from './said.ts';

export interface Init {
  readonly policies: string;
  readonly now: number;
  readonly template: string;
  readonly tenant?: string | undefined;
  readonly msp?: string | undefined;
  readonly client?: string | undefined;
  readonly mspIssuer?: string | undefined;
  readonly clientIssuer?: string | undefined;
  readonly timezone?: string | undefined;
  /** With the library's rows written out. */
  readonly full?: boolean | undefined;
  readonly json?: boolean | undefined;
}

/** When a new matrix is reviewed first: after a quarter. */
export const REVIEW_AFTER = 91 * 86_400_000;

/** `matrix init`: a new tenant's folder of a template. What is there already stays as it is. */
export function initAction(dir: string | undefined, options: Init): Said {
  const template = TEMPLATE_NAMES.find(name => name === options.template);
  if (!template) return noTemplate(options.template);
  const tenant = options.tenant ?? (dir === undefined ? undefined : basename(resolve(dir)));
  if (tenant === undefined) return wrong('Say whose it is: --tenant NAME, or a folder of that name.');
  const timezone = options.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const answers: Answers = { ...options, tenant, timezone, reviewBy: '' };
  const why = wrongAnswer(answers);
  if (why) return wrong(why);
  const folder = dir ?? join(options.policies, tenant);
  if (existsSync(folder)) return wrong(`${folder} is there already; nothing was written.`);
  let texts: VersionTexts;
  try {
    const reviewBy = dateAt(options.now + REVIEW_AFTER, timezone);
    texts = filledTemplate(template, { ...answers, reviewBy }, options.full === true);
  } catch (error) {
    return wrong((error as Error).message, 'Nothing was written.');
  }
  const failed = writeFolder(folder, texts);
  if (failed) return wrong(failed);
  const files = ['matrix.yaml', 'targets.yaml', 'expectations.yaml'].map(file => join(folder, file));
  const library = options.full ? null : `${template}@1`;
  if (options.json) return json(0, { tenant, folder, files, template, extends: library });
  return say(0, [
    `Wrote ${folder}: matrix.yaml, targets.yaml and expectations.yaml.`,
    '',
    ...nextSteps(folder, template, answers, library),
  ]);
}

function noTemplate(given: string): Said {
  const near = nearestOf(given, TEMPLATE_NAMES);
  const hint = near ? ` Did you mean ${near}?` : '';
  return wrong(`--template ${given}: expected ${TEMPLATE_NAMES.join(', ')}.${hint}`);
}

function nextSteps(
  folder: string,
  template: TemplateName,
  answers: Answers,
  library: string | null,
): string[] {
  const issuers = [
    ...(answers.mspIssuer ? [] : ["the MSP's issuer"]),
    ...(answers.clientIssuer ? [] : ["the client's issuer"]),
  ];
  const called = answers.tenant === basename(resolve(folder));
  return [
    'Next:',
    `  1. matrix.yaml: put in ${[...issuers, 'your group names'].join(', ')}; look for CHANGE.`,
    '  2. targets.yaml: list your systems in place of the made-up ones.',
    '  3. See what is missing, and whether it answers as it should:',
    `       npx sallyport matrix check ${folder}`,
    `       npx sallyport matrix test ${folder}`,
    ...(library
      ? [
          `  4. Its rows come from ${library}. See all of them, and what you changed:`,
          `       npx sallyport matrix show ${folder}`,
        ]
      : []),
    ...(template === 'smb'
      ? []
      : [
          '',
          'The control numbers say which duty a row serves. Let those who answer for them',
          'read the rows.',
        ]),
    ...(called ? [] : ['', `To be served, the folder must be called ${answers.tenant}.`]),
  ];
}

/**
 * The whole folder or nothing: a broker that looks for new tenants must not find half of one.
 *
 * @returns what went wrong, in one line
 */
export function writeFolder(folder: string, texts: VersionTexts): string | null {
  const above = dirname(resolve(folder));
  let part: string | null = null;
  try {
    mkdirSync(above, { recursive: true });
    part = mkdtempSync(join(above, `.${basename(resolve(folder))}-`));
    for (const [name, text] of Object.entries(texts)) {
      if (text !== null) writeFileSync(join(part, `${name}.yaml`), text);
    }
    chmodSync(part, 0o755);
    if (existsSync(folder)) throw Object.assign(new Error('there'), { code: 'EEXIST' });
    renameSync(part, folder);
    return null;
  } catch (error) {
    if (part) rmSync(part, { recursive: true, force: true });
    return `${folder} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`;
  }
}
