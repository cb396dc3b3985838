import { type Channel, ConfigurationError } from '../configuration.ts';
import type { Letter } from '../elevation/contract.ts';
import type { Notifier } from '../notifiers/contract.ts';

/** Opens one notifier; main hands it in, since it alone knows the kinds. */
export type OpenNotifier = (channel: Channel) => { notifier: Notifier; secrets: readonly string[] };

/** The channels by name. A secret that stands plain in the file, or an unknown kind, stops the start. */
export function openChannels(channels: readonly Channel[], open: OpenNotifier): Map<string, Notifier> {
  return new Map(
    channels.map(channel => {
      const { notifier, secrets } = open(channel);
      const plain = secrets.find(
        name => Object.hasOwn(channel.settings, name) && !channel.opened.includes(name),
      );
      if (plain) {
        const say = `channel ${channel.name}: ${plain} is a secret: give it as { env: NAME }, { file: PATH } or sealed`;
        throw new ConfigurationError(say);
      }
      return [channel.name, notifier];
    }),
  );
}

/** Which channels reach the people and squads that a letter is for: by email, by squad, or by their party. */
export function routeAmong(
  channels: readonly Channel[],
): (letter: Pick<Letter, 'tenant' | 'to' | 'party'>) => string[] {
  return letter => {
    const parties = letter.to.flatMap(name => /^(msp|client)\//.exec(name)?.[1] ?? []);
    const meant = new Set([...letter.to, ...parties, ...(letter.party ? [letter.party] : [])]);
    return channels
      .filter(channel => channel.tenant === letter.tenant && channel.to.some(name => meant.has(name)))
      .map(channel => channel.name);
  };
}
