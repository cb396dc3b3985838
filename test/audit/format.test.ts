import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FINDINGS } from '../../src/audit/finding.ts';
import { example } from './example.ts';
import { chain, checkpointFor, events, file, rootOf, testKey, workFolder } from './sample.ts';

const page = readFileSync('src/audit/FORMAT.md', 'utf8');
const folder = workFolder();

/** The fenced block that the page gives a file name. */
function block(name: string): string {
  const [, content] =
    new RegExp(`^\`\`\`[a-z]+ ${name.replace('.', '\\.')}\\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page) ?? [];
  if (content === undefined) throw new Error(`FORMAT.md has no block ${name}`);
  return content;
}

/** Runs a program of the page and gives what it printed, or what it said when it refused. */
async function run(program: string, ...args: string[]): Promise<{ ok: boolean; text: string }> {
  const [command, path] = program.endsWith('.sh')
    ? ['sh', join(folder.path, program)]
    : ['node', join(folder.path, program)];
  folder.write(program, block(program));
  try {
    return { ok: true, text: (await promisify(execFile)(command, [path, ...args])).stdout };
  } catch (error) {
    return { ok: false, text: (error as { stderr: string }).stderr };
  }
}

describe('the programs on the page', () => {
  const lines = chain(events(13));
  const log = folder.write('log.ndjson', file(lines));
  const { signer, vkey } = testKey(1);

  it('find a whole chain whole, with coreutils alone', async () => {
    expect(await run('chain.sh', log)).toMatchObject({
      ok: true,
      text: expect.stringMatching(/^13 entries/),
    });
  });

  it.each([
    ['a changed line', lines.with(4, lines[4]!.replace('"d4"', '"d5"'))],
    ['a missing line', lines.toSpliced(4, 1)],
    ['a swapped pair', lines.toSpliced(4, 2, lines[5]!, lines[4]!)],
    ['a missing first line', lines.slice(1)],
    ['a line twice', lines.toSpliced(4, 0, lines[4]!)],
  ])('find %s, with coreutils alone', async (_, changed) => {
    const { ok, text } = await run('chain.sh', folder.write('bad.ndjson', file(changed)));
    expect(ok, text).toBe(false);
    expect(text).toMatch(/does not follow/);
  });

  it('find a last line that is cut, with coreutils alone', async () => {
    const { ok } = await run('chain.sh', folder.write('cut.ndjson', file(lines).slice(0, -9)));
    expect(ok).toBe(false);
  });

  it.each([0, 1, 2, 3, 7, 8, 13])(
    'compute the root of the first %i lines, with coreutils alone',
    async size => {
      const { text } = await run('root.sh', log, String(size));
      expect(text.trim()).toBe(rootOf(lines.slice(0, size)).toString('base64'));
    },
  );

  it('show a changed last line by the signed root', async () => {
    const note = folder.write('checkpoint.txt', checkpointFor(lines, signer));
    const signed = await run('note.mjs', note, vkey);
    expect(signed.ok, signed.text).toBe(true);
    const [origin, size, root] = signed.text.split('\n');
    expect([origin, size]).toEqual(['sallyport.example/acme', '13']);
    expect((await run('root.sh', log, '13')).text.trim()).toBe(root);
    const changed = folder.write('last.ndjson', file(lines.with(12, lines[12]!.replace('d12', 'd13'))));
    expect((await run('chain.sh', changed)).ok).toBe(true);
    expect((await run('root.sh', changed, '13')).text.trim()).not.toBe(root);
  });

  it.each([
    ['changed', (note: string) => note.replace('\n13\n', '\n12\n'), vkey, /bad signature/],
    ['of another key', (note: string) => note, testKey(2).vkey, /not signed by this key/],
    [
      'asked for with a broken key',
      (note: string) => note,
      vkey.replace('acme', 'evil'),
      /not an Ed25519 vkey/,
    ],
  ])('refuse a checkpoint that is %s', async (_, change, key, why) => {
    const note = folder.write('bad.txt', change(checkpointFor(lines, signer)));
    expect(await run('note.mjs', note, key)).toMatchObject({ ok: false, text: expect.stringMatching(why) });
  });
});

describe('the example on the page', () => {
  it('is the one among the vectors, and made as they say', async () => {
    const made = example();
    const files = { 'log.ndjson': made.log, 'checkpoint.txt': made.checkpoint, 'vkey.txt': made.vkey };
    for (const [name, content] of Object.entries(files)) {
      expect(readFileSync(`test/vectors/audit/example/${name}`, 'utf8')).toBe(content);
      expect(block(name)).toBe(content);
    }
  });
});

describe('the catalogue', () => {
  const source = readFileSync('src/domain/audit-event.ts', 'utf8');
  const facts = fieldsOf(interfaceBody(source, 'RequestFacts'));
  const inSource = catalogueInSource(source);
  const onPage = catalogueOnPage(page);

  it('lists the actions that there are', () => {
    expect([...onPage.keys()].sort()).toEqual([...inSource.keys()].sort());
  });

  it.each([...inSource.keys()])('lists what %s holds', action => {
    expect(onPage.get(action)?.toSorted()).toEqual(inSource.get(action)?.toSorted());
  });

  it('lists the facts of a request', () => {
    const table = page.slice(page.indexOf('**Request facts**'), page.indexOf('| action |'));
    const names = [...table.matchAll(/^\| `([a-z_]+)` \|/gm)].map(([, name]) => name!);
    expect(names.sort()).toEqual([...facts].sort());
  });

  function catalogueInSource(text: string): Map<string, string[]> {
    const found = new Map<string, string[]>();
    const members = topLevel(interfaceBody(text, 'AuditData'), ';');
    for (const member of members) {
      const [, action, type = ''] = /^'([^']+)':([\s\S]*)$/.exec(member.trim()) ?? [];
      if (action === undefined) throw new Error(`cannot read: ${member}`);
      const own = type.includes('{')
        ? fieldsOf(type.slice(type.indexOf('{') + 1, type.lastIndexOf('}')))
        : [];
      found.set(action, [...(type.includes('RequestFacts') ? facts : []), ...own]);
    }
    return found;
  }

  function catalogueOnPage(text: string): Map<string, string[]> {
    const found = new Map<string, string[]>();
    for (const [, action, data] of text.matchAll(/^\| `([a-z-]+\.[a-z-]+)` \|[^|]*\|[^|]*\|([^|]*)\|$/gm)) {
      const fields = data!.split(';').flatMap(part => {
        if (part.trim() === 'request facts') return facts;
        const [, name] = /^\s*`([a-z0-9_]+)`/.exec(part) ?? [];
        if (name === undefined && part.trim() !== 'none') throw new Error(`${action}: cannot read "${part}"`);
        return name ?? [];
      });
      found.set(action!, fields);
    }
    return found;
  }
});

describe('the findings', () => {
  it('are those of the verifier, in its words', () => {
    const section = page.slice(page.indexOf('## What a verification finds'));
    const onPage = [...section.matchAll(/^\| `([a-z-]+)` \| (.*) \|$/gm)].map(([, code, means]) => [
      code,
      means,
    ]);
    expect(onPage).toEqual(Object.entries(FINDINGS).map(([code, { means }]) => [code, means]));
  });
});

/** What stands between the braces of an interface, comments left out. */
function interfaceBody(source: string, name: string): string {
  const text = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const start = text.indexOf('{', text.indexOf(`interface ${name} `)) + 1;
  for (let i = start, depth = 1; i < text.length; i++) {
    if (text[i] === '{') depth++;
    if (text[i] === '}' && --depth === 0) return text.slice(start, i);
  }
  throw new Error(`no interface ${name}`);
}

/** Splits where no brace is open. */
function topLevel(text: string, at: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '{') depth++;
    if (text[i] === '}') depth--;
    if (text[i] === at && depth === 0) {
      parts.push(text.slice(from, i));
      from = i + 1;
    }
  }
  return [...parts, text.slice(from)].filter(part => part.trim() !== '');
}

function fieldsOf(body: string): string[] {
  return topLevel(body, ';').map(member => /^\s*(\w+)\??:/.exec(member)?.[1] ?? `unreadable: ${member}`);
}
