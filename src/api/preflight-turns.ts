import { Refused } from '../elevation/contract.ts';

/**
 * How many preflights run at once at this broker. One lasts for as long as its slowest target: so a person has one,
 * whatever the engagement, and one engagement cannot take the turns of the others.
 */
export const MOST = { person: 1, tenant: 2, all: 16 } as const;

export interface Turns {
  /**
   * A turn, until the answer is called.
   *
   * @throws Refused `too-many-requests`
   */
  take(person: string, tenant: string): () => void;
}

export function openTurns(): Turns {
  const running = new Set<{ readonly person: string; readonly tenant: string }>();
  const requireRoom = (count: number, most: number, message: string) => {
    if (count >= most) throw new Refused('too-many-requests', message, 429, { retry_after: 30 });
  };
  return {
    take(person, tenant) {
      const held = [...running];
      requireRoom(
        held.filter(turn => turn.person === person).length,
        MOST.person,
        'A preflight of yours is under way: wait for its answer.',
      );
      requireRoom(
        held.filter(turn => turn.tenant === tenant).length,
        MOST.tenant,
        `${MOST.tenant} preflights of ${tenant} are under way: try again in a minute.`,
      );
      requireRoom(held.length, MOST.all, 'Many preflights are under way: try again in a minute.');
      const turn = { person, tenant };
      running.add(turn);
      return () => void running.delete(turn);
    },
  };
}
