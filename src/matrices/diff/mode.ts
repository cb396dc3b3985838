import type { Matrix, Mode } from '../../domain/matrix.ts';
import type { Fact } from './lines.ts';
import type { Side } from './side.ts';

/** Whether the matrix opens what it gives or only observes. A version that does not say opens. */
export function modeFacts(before: Side, after: Side): Fact[] {
  const [was, is] = [before, after].map(({ engagement: { matrix } }) => modeOf(matrix));
  if (was === is) return [];
  const observes = is === 'observe';
  return [
    {
      kind: observes ? 'harder' : 'easier',
      topic: 'mode',
      weight: 99,
      before: was,
      after: is,
      paths: ['/matrix/mode'],
      say: () =>
        observes
          ? 'the matrix only observes: what would be is recorded, and nothing is opened any more'
          : 'the matrix opens what it gives, and no longer only records what would be',
    },
  ];
}

const modeOf = ({ mode }: Matrix): Mode => mode ?? 'enforce';
