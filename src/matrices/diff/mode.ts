import type { Matrix, Mode } from '../../domain/matrix.ts';
import type { Fact } from './lines.ts';
import type { Side } from './side.ts';

/** Whether the matrix decides or only watches. A version that does not say decides. */
export function modeFacts(before: Side, after: Side): Fact[] {
  const [was, is] = [before, after].map(({ engagement: { matrix } }) => modeOf(matrix));
  if (was === is) return [];
  const observes = is === 'observe';
  return [
    {
      kind: observes ? 'easier' : 'harder',
      topic: 'mode',
      weight: 99,
      before: was,
      after: is,
      paths: ['/matrix/mode'],
      say: () =>
        observes
          ? 'the matrix only observes: what it refuses is reported and not held back'
          : 'the matrix decides: what it refuses is held back, and no longer only reported',
    },
  ];
}

const modeOf = ({ mode }: Matrix): Mode => mode ?? 'enforce';
