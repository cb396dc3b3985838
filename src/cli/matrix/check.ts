import { sarifOf, type Told } from '../../matrices/check/sarif.ts';
import { checkEngagement, type Finding } from '../../matrices/check.ts';
import { type Problem, placeText } from '../../matrices/problem.ts';
import { version } from '../version.ts';
import { badTime, type Common, clockOf, readAll, type Sound, titleOf } from './reading.ts';
import { count, json, type Said, say, wrapped } from './said.ts';

export interface Checking extends Common {
  /** SARIF instead of text: the absolute path of the folder that its places are relative to. */
  readonly sarif?: string | undefined;
}

/** `matrix check`: 1 when a gap was found, 0 when at most warnings were. */
export function checkAction(dir: string | undefined, options: Checking): Said {
  const { sarif: folder } = options;
  const asSarif =
    folder === undefined
      ? undefined
      : (checked: readonly Told[], problems: readonly Problem[], exitCode: Said['code']) =>
          sarifOf(checked, problems, { folder, version: version(), exitCode });
  const read = readAll(dir, options, asSarif && (problems => asSarif([], problems, 2)));
  if (!Array.isArray(read)) return read;
  const checked: { sound: Sound; findings: Finding[] }[] = [];
  for (const sound of read) {
    const at = clockOf(options, sound);
    if (at === null) return badTime(options.at);
    checked.push({ sound, findings: checkEngagement(sound, at) });
  }
  const all = checked.flatMap(({ findings }) => findings);
  const gaps = all.filter(({ severity }) => severity === 'error').length;
  const code = gaps > 0 ? 1 : 0;
  if (asSarif) {
    const told = checked.map(({ sound, findings }) => ({ tenant: sound.engagement.tenant, findings }));
    return json(code, asSarif(told, [], code));
  }
  if (options.json) {
    return json(code, {
      tenants: read.map(({ engagement }) => ({
        tenant: engagement.tenant,
        version: engagement.matrix.version,
        digest: engagement.digest,
      })),
      findings: checked.flatMap(({ sound, findings }) =>
        findings.map(({ code, severity, subject, message, mend, ...place }) => ({
          code,
          severity,
          tenant: sound.engagement.tenant,
          subject,
          where: placeText(place),
          ...place,
          message,
          mend,
        })),
      ),
    });
  }
  const lines = checked.flatMap(({ sound, findings }) => [
    titleOf(sound),
    ...findings.flatMap(finding => [
      '',
      `${placeText(finding)}  ${finding.severity === 'error' ? 'gap' : 'warning'}  ${finding.code}`,
      ...wrapped(finding.message, '  '),
      ...wrapped(`Mend: ${finding.mend}.`, '  '),
    ]),
    '',
  ]);
  return say(code, [...lines, `${count(gaps, 'gap')}, ${count(all.length - gaps, 'warning')}.`]);
}
