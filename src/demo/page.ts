/** A control that somebody can fill. */
export interface Field {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  readonly checked: boolean;
  readonly disabled: boolean;
  /** The values of a `select`. */
  readonly options: readonly string[];
}

/** What submits a form. */
export interface Button {
  readonly name: string;
  readonly value: string;
  readonly text: string;
  readonly formAction?: string;
}

export interface Form {
  readonly id: string;
  readonly action: URL;
  readonly method: 'GET' | 'POST';
  readonly fields: readonly Field[];
  readonly buttons: readonly Button[];
  /** What a reader sees in it, spaces joined. */
  readonly text: string;
}

export interface Link {
  readonly url: URL;
  readonly text: string;
}

/** What a read page offers to do. */
export interface PageContent {
  readonly title: string;
  readonly text: string;
  readonly links: readonly Link[];
  readonly forms: readonly Form[];
}

interface Draft {
  id: string;
  action: URL;
  method: 'GET' | 'POST';
  fields: Field[];
  buttons: Button[];
  text: string;
}

const SILENT = new Set(['script', 'style', 'template', 'noscript']);
// One comment, one element whose content is no markup, one tag, or the text up to the next `<`.
const TOKEN =
  /<!--[\s\S]*?-->|<(script|style|template|noscript|textarea|title)\b((?:"[^"]*"|'[^']*'|[^'">])*)>([\s\S]*?)<\/\1\s*>|<(\/?)([a-z][a-z0-9-]*)((?:"[^"]*"|'[^']*'|[^'">])*)>|[^<]+|</gi;

/**
 * Reads HTML as far as a person without a screen needs it: text, links, forms with their fields and buttons
 * (those outside that name the form by `form="…"` too). It is tolerant, and no browser: nested forms and broken
 * markup are read in the order in which they stand.
 */
export function readPage(markup: string, address: URL): PageContent {
  const links: Array<{ url: URL; text: string }> = [];
  const forms: Draft[] = [];
  const elsewhere: Array<{ form: string; field?: Field; button?: Button }> = [];
  let title = '';
  let text = '';
  let form: Draft | undefined;
  let link: { url: URL; text: string } | undefined;
  let button: { name: string; value: string; text: string; formAction?: string } | undefined;
  let select:
    | { name: string; disabled: boolean; options: string[]; chosen?: string; form: string | undefined }
    | undefined;
  let option: { value: string | undefined; selected: boolean; text: string } | undefined;

  const say = (words: string) => {
    text += words;
    if (form) form.text += words;
    if (link) link.text += words;
    if (button) button.text += words;
    if (option) option.text += words;
  };
  const place = (owner: string | undefined, part: { field?: Field; button?: Button }) => {
    if (owner !== undefined) elsewhere.push({ form: owner, ...part });
    else if (form && part.field) form.fields.push(part.field);
    else if (form && part.button) form.buttons.push(part.button);
  };
  const endOption = () => {
    if (!select || !option) return;
    const value = option.value ?? squeeze(option.text);
    select.options.push(value);
    if (option.selected || select.chosen === undefined) select.chosen = value;
    option = undefined;
  };

  for (const match of markup.matchAll(TOKEN)) {
    const [whole, opaque, opaqueAttributes = '', content = '', closing, tag, tagAttributes = ''] = match;
    if (whole.startsWith('<!--')) continue;
    if (opaque) {
      const name = opaque.toLowerCase();
      if (name === 'title') title = squeeze(decode(content));
      if (name === 'textarea') {
        const field = fieldOf(
          attributesOf(opaqueAttributes),
          'textarea',
          decode(content).replace(/^\r?\n/, ''),
        );
        place(attributesOf(opaqueAttributes).get('form'), { field });
      }
      if (!SILENT.has(name)) say(' ');
      continue;
    }
    if (!tag) {
      say(decode(whole));
      continue;
    }

    const name = tag.toLowerCase();
    if (!INLINE.has(name)) say(' ');
    const attributes = attributesOf(tagAttributes);
    if (closing) {
      if (name === 'form') form = undefined;
      if (name === 'a') link = undefined;
      if (name === 'option') endOption();
      if (name === 'select' && select) {
        endOption();
        const { form: owner, chosen = '', ...rest } = select;
        place(owner, { field: { ...rest, type: 'select', value: chosen, checked: false } });
        select = undefined;
      }
      if (name === 'button') button = undefined;
    } else if (name === 'form') {
      form = {
        id: attributes.get('id') ?? '',
        action: resolve(attributes.get('action'), address) ?? address,
        method: attributes.get('method')?.toUpperCase() === 'POST' ? 'POST' : 'GET',
        fields: [],
        buttons: [],
        text: '',
      };
      forms.push(form);
    } else if (name === 'a') {
      const url = resolve(attributes.get('href'), address);
      link = url && attributes.has('href') ? { url, text: '' } : undefined;
      if (link) links.push(link);
    } else if (name === 'button' && (attributes.get('type') ?? 'submit') === 'submit') {
      button = buttonOf(attributes, '');
      if (!attributes.has('disabled')) place(attributes.get('form'), { button });
    } else if (name === 'input') {
      const type = attributes.get('type')?.toLowerCase() ?? 'text';
      const owner = attributes.get('form');
      if (type === 'submit' || type === 'image') {
        place(owner, { button: buttonOf(attributes, attributes.get('value') ?? 'Submit') });
      } else if (type !== 'button' && type !== 'reset' && type !== 'file') {
        const fallback = type === 'checkbox' || type === 'radio' ? 'on' : '';
        place(owner, { field: fieldOf(attributes, type, attributes.get('value') ?? fallback) });
      }
    } else if (name === 'select') {
      const disabled = attributes.has('disabled');
      select = { name: attributes.get('name') ?? '', disabled, options: [], form: attributes.get('form') };
    } else if (name === 'option') {
      endOption();
      option = { value: attributes.get('value'), selected: attributes.has('selected'), text: '' };
    }
  }

  for (const { form: owner, field, button: submit } of elsewhere) {
    const target = forms.find(one => one.id === owner);
    if (field) target?.fields.push(field);
    if (submit) target?.buttons.push(submit);
  }
  for (const one of forms) {
    one.text = squeeze(one.text);
    one.buttons = one.buttons.map(submit => ({ ...submit, text: squeeze(submit.text) }));
  }
  const read = links.map(one => ({ url: one.url, text: squeeze(one.text) }));
  return { title, text: squeeze(text), links: read, forms };
}

const INLINE = new Set([
  'a',
  'abbr',
  'b',
  'bdi',
  'code',
  'em',
  'i',
  'kbd',
  'mark',
  'small',
  'span',
  'strong',
  'time',
]);

const NAMED: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** Character references, those by name as far as templates write them. */
export function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name) return NAMED[String(name).toLowerCase()] ?? whole;
    const point = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : '\ufffd';
  });
}

function attributesOf(source: string): Map<string, string> {
  const attributes = new Map<string, string>();
  for (const match of source.matchAll(/([^\s"'>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?/g)) {
    const name = match[1]!.toLowerCase();
    if (!attributes.has(name)) attributes.set(name, decode(match[2] ?? match[3] ?? match[4] ?? ''));
  }
  return attributes;
}

function fieldOf(attributes: Map<string, string>, type: string, value: string): Field {
  return {
    name: attributes.get('name') ?? '',
    type,
    value,
    checked: attributes.has('checked'),
    disabled: attributes.has('disabled'),
    options: [],
  };
}

function buttonOf(attributes: Map<string, string>, text: string): Button {
  const formAction = attributes.get('formaction');
  return {
    name: attributes.get('name') ?? '',
    value: attributes.get('value') ?? '',
    text,
    ...(formAction ? { formAction } : {}),
  };
}

function resolve(reference: string | undefined, address: URL): URL | undefined {
  try {
    return new URL(reference ?? '', address);
  } catch {
    return undefined;
  }
}

function squeeze(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}
