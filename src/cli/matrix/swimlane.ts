import { writeFileSync } from 'node:fs';
import { placedFindings } from '../../matrices/placed-findings.ts';
import { nearestOf } from '../../matrices/problem.ts';
import { drawingOf, sheetsOf } from '../../matrices/swimlane/drawing.ts';
import { layoutOf } from '../../matrices/swimlane/layout.ts';
import { badTime, type Common, clockOf, readAll, tenantsOf } from './reading.ts';
import { json, type Said, wrong } from './said.ts';

export interface Drawn extends Common {
  readonly output?: string | undefined;
  readonly service?: string | undefined;
}

/** `matrix swimlane`: the matrix as an SVG, to standard output or a file; to one named `.html` as sheets for paper. */
export function swimlaneAction(dir: string | undefined, options: Drawn): Said {
  const read = readAll(dir, options);
  if (!Array.isArray(read)) return read;
  if (read.length > 1) return wrong(`Several tenants are here: say --tenant, one of ${tenantsOf(read)}.`);
  const sound = read[0]!;
  const { engagement } = sound;
  const at = clockOf(options, sound);
  if (at === null) return badTime(options.at);
  const { service = null, output } = options;
  const services = Object.keys(engagement.matrix.services);
  if (service !== null && !services.includes(service)) {
    const near = nearestOf(service, services);
    const hint = near ? ` Did you mean ${near}?` : '';
    return wrong(
      `--service ${service}: the matrix has no such service; it has ${services.join(', ')}.${hint}`,
    );
  }
  const layout = layoutOf(engagement, placedFindings(engagement, at, sound.expectations), service);
  const drawing = output?.endsWith('.html') ? sheetsOf(layout) : drawingOf(layout);
  if (output === undefined) {
    const { tenant, digest } = engagement;
    return options.json
      ? json(0, { tenant, digest, service, svg: drawing })
      : { code: 0, out: drawing, err: '' };
  }
  try {
    writeFileSync(output, drawing);
  } catch (error) {
    return wrong(`--output ${output}: it cannot be written (${(error as NodeJS.ErrnoException).code}).`);
  }
  return options.json
    ? json(0, { tenant: engagement.tenant, digest: engagement.digest, service, output })
    : { code: 0, out: '', err: `Drawn to ${output}.\n` };
}
