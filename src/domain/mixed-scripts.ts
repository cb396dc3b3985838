/** Words that look like others because their letters come from several scripts (Unicode UTS #39). */

const SCRIPTS = [
  'Latin',
  'Cyrillic',
  'Greek',
  'Armenian',
  'Cherokee',
  'Coptic',
  'Georgian',
  'Hebrew',
  'Arabic',
  'Devanagari',
  'Thai',
  'Lisu',
  'Han',
  'Hiragana',
  'Katakana',
  'Bopomofo',
  'Hangul',
] as const;
const MATCHERS = SCRIPTS.map(script => [script, new RegExp(`\\p{Script=${script}}`, 'u')] as const);

/** Written together by those who use them (UTS #39, section 5.2, "highly restrictive"); with Latin, too. */
const TOGETHER = [
  ['Han', 'Hiragana', 'Katakana'],
  ['Han', 'Bopomofo'],
  ['Han', 'Hangul'],
];

/** Letters that are taken for Latin ones. A word of nothing else, in a text that has no other of its script, is a mask. */
const LOOKALIKES: Readonly<Record<string, RegExp>> = {
  Cyrillic: /^[АВЕЅІЈКМНОРСТУХҮԌԚԜаеѕіјорсухүһԁԛԝӏ]+$/u,
  Greek: /^[ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορυϲϳ]+$/u,
  Armenian: /^[ՕՍԼօոսհցզյ]+$/u,
  Cherokee: /^\p{Script=Cherokee}+$/u,
};

/** Latin by their script, made for phonetics, and drawn like plain letters. */
const PHONETIC = /[ɑɡɩɪʏʙʜʟʀɴ\u1d00-\u1d22]/u;
const WORD = /[\p{L}\p{M}\p{N}_]+/gu;

/** The text, with ‹mixed scripts: Latin + Cyrillic› and its like behind each word that is not what it seems. */
export function scriptMark(text: string): string {
  const masks = Object.entries(LOOKALIKES)
    .filter(([script, alike]) => {
      const letters = text.match(new RegExp(`\\p{Script=${script}}`, 'gu'));
      return letters !== null && letters.length > 1 && alike.test(letters.join(''));
    })
    .map(([script]) => script);
  return text.replace(WORD, word => {
    const mark = markOf(word, masks);
    return mark === null ? word : `${word}‹${mark}›`;
  });
}

function markOf(word: string, masks: readonly string[]): string | null {
  const found = scriptsOf(word);
  if (found.length > 1 && !areTogether(found)) return `mixed scripts: ${found.join(' + ')}`;
  const [only] = found;
  if (only !== undefined && masks.includes(only)) return `${only} letters`;
  if (found.length === 0 && /[\p{L}\p{N}]/u.test(word) && /[A-Za-z]/.test(word.normalize('NFKC'))) {
    return 'letters in disguise';
  }
  return /[\uff21-\uff3a\uff41-\uff5a]/.test(word) ? 'wide letters' : null;
}

function scriptsOf(word: string): string[] {
  const found: string[] = MATCHERS.filter(([, is]) => is.test(word)).map(([script]) => script);
  const others = [...word].some(letter => /\p{L}/u.test(letter) && !isNamed(letter));
  return [
    ...found,
    ...(PHONETIC.test(word) ? ['phonetic'] : []),
    ...(others && found.length > 0 ? ['another'] : []),
  ];
}

const isNamed = (letter: string): boolean =>
  MATCHERS.some(([, is]) => is.test(letter)) || /\p{Script=Common}|\p{Script=Inherited}/u.test(letter);

const areTogether = (found: readonly string[]): boolean =>
  TOGETHER.some(group => found.every(script => script === 'Latin' || group.includes(script)));
