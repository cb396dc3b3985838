import { create } from 'asciinema-player';

/** The terminal as it was shown. The recording is fetched when somebody presses play. */
for (const place of document.querySelectorAll<HTMLElement>('[data-cast]')) {
  const { cast, poster } = place.dataset;
  place.replaceChildren();
  const player = create(cast!, place, {
    fit: 'width',
    controls: true,
    idleTimeLimit: 3,
    theme: 'asciinema',
    ...(poster === undefined ? {} : { poster }),
  });
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-seek]')) {
    link.addEventListener('click', event => {
      event.preventDefault();
      void player.seek(Number(link.dataset.seek));
    });
  }
}
