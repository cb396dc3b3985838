import type { Finding } from './check/finding.ts';
import { type Sound, surveyOf } from './check/survey.ts';
import { CHECKS } from './check/table.ts';

export type { Finding } from './check/finding.ts';

/** What is gray in a matrix at a moment (epoch milliseconds): the calendar makes some findings. Gaps come first. */
export function checkEngagement(reading: Sound, at: number): Finding[] {
  const survey = surveyOf(reading, at);
  const findings = CHECKS.flatMap(({ code, severity, find }) =>
    [...find(survey)].map(({ file, path, ...seen }): Finding => {
      const { subject, message, mend } = seen;
      const place = reading.locate(file, path, 'key');
      return { code, severity: seen.severity ?? severity, subject, ...place, message, mend };
    }),
  );
  const gaps = findings.filter(finding => finding.severity === 'error');
  return [...gaps, ...findings.filter(finding => finding.severity !== 'error')];
}
