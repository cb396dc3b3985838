import { ACCESS } from './access.ts';
import { ANSWERS } from './answers.ts';
import type { Check } from './finding.ts';
import { PEOPLE } from './people.ts';
import { TIMES } from './times.ts';
import { UNUSED } from './unused.ts';

/** Every check, in the order in which findings are told. Another check is another row in its family. */
export const CHECKS: readonly Check[] = [...ACCESS, ...PEOPLE, ...ANSWERS, ...TIMES, ...UNUSED];
