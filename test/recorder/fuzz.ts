import { createHash, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { garbled, spoken } from '../../recorder/messages.ts';
import { ptyOf, saneSize } from '../../recorder/protocols/ssh/channel.ts';
import { blobOfLine, publicLine, typeOfBlob } from '../../recorder/protocols/ssh/keys.ts';
import { transferOf } from '../../recorder/recording/transfers.ts';
import { CredentialError } from '../../src/credentials/contract.ts';
import { createUserCa, signUserCertificate } from '../../src/credentials/ssh-certificate.ts';
import { admits, holdsKey, readAuthorities } from '../../src/demo/user-certificate.ts';
import { networkOf, plainAddress } from '../../src/domain/network.ts';
import { readPublicKey } from '../../src/domain/ssh-public-key.ts';
import { sshString, uint32 } from './wire.ts';

// What is true of each parser whatever it is given. Used in small by `fuzz.test.ts`, in large by `soak/fuzz.ts`.

/** The same bytes with a few of them changed, as a careless or hostile sender would. */
export function mutated(base: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat(Math.max(0, base.length - 1));
  const change = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at, value: fc.nat(7) }),
    fc.record({ kind: fc.constant('byte' as const), at, value: fc.nat(255) }),
    fc.record({
      kind: fc.constant('length' as const),
      at,
      value: fc.oneof(fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff), fc.nat(70_000)),
    }),
    fc.record({ kind: fc.constant('cut' as const), at, value: fc.nat(64) }),
    fc.record({ kind: fc.constant('repeat' as const), at, value: fc.nat(64) }),
    fc.record({ kind: fc.constant('end' as const), at, value: fc.constant(0) }),
    fc.record({ kind: fc.constant('more' as const), at, value: fc.nat(255) }),
  );
  return fc.array(change, { minLength: 1, maxLength: 5 }).map(changes => {
    let bytes = Buffer.from(base);
    for (const { kind, at: wanted, value } of changes) {
      const place = bytes.length === 0 ? 0 : wanted % bytes.length;
      const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)];
      if (kind === 'cut') bytes = Buffer.concat([head, tail.subarray(value)]);
      else if (kind === 'repeat') bytes = Buffer.concat([head, tail.subarray(0, value), tail]);
      else if (kind === 'end') bytes = Buffer.from(head);
      else if (kind === 'more') bytes = Buffer.concat([head, Buffer.alloc(value, value), tail]);
      else if (bytes.length === 0) continue;
      else if (kind === 'flip') bytes[place]! ^= 1 << value;
      else if (kind === 'byte') bytes[place] = value;
      else if (place + 4 <= bytes.length) bytes.writeUInt32BE(value, place);
    }
    return bytes;
  });
}

const must = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what);
};

/** Runs it; an error that it does not promise is a failure. */
function orThrows<T>(kind: new (...args: never[]) => Error, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof kind && error.constructor === kind) return null;
    throw error;
  }
}

const blobs = [
  publicLine(generateKeyPairSync('ed25519').publicKey),
  sshLine('ssh-rsa', generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'jwk' })),
  ...['P-256', 'P-384', 'P-521'].map(namedCurve =>
    sshLine('ecdsa', generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' })),
  ),
].map(line => Buffer.from(line.split(' ')[1]!, 'base64'));

function sshLine(kind: 'ssh-rsa' | 'ecdsa', jwk: JsonWebKey): string {
  const bytes = (text: string | undefined) => Buffer.from(text!, 'base64url');
  const positive = (number: Buffer) => (number[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), number]) : number);
  const curve = `nistp${jwk.crv?.slice(2)}`;
  const type = kind === 'ssh-rsa' ? kind : `ecdsa-sha2-${curve}`;
  const rest =
    kind === 'ssh-rsa'
      ? [positive(bytes(jwk.e)), positive(bytes(jwk.n))]
      : [curve, Buffer.concat([Buffer.of(4), bytes(jwk.x), bytes(jwk.y)])];
  return `${type} ${Buffer.concat([type, ...rest].map(sshString)).toString('base64')}`;
}

export const VALID_LINES = blobs.map(blob => `${typeOfBlob(blob)} ${blob.toString('base64')}`);

const anyBlob = fc.oneof(
  ...blobs.map(mutated),
  fc.uint8Array({ maxLength: 600 }).map(bytes => Buffer.from(bytes)),
);
const anyText = fc.oneof(
  { arbitrary: fc.string({ unit: 'binary', maxLength: 300 }), weight: 2 },
  { arbitrary: fc.string({ unit: 'grapheme-composite', maxLength: 100 }), weight: 1 },
  {
    arbitrary: fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes).toString('latin1')),
    weight: 1,
  },
);
const anyLine = fc.oneof(
  anyBlob.map(blob => `${typeOfBlob(blob) ?? 'ssh-rsa'} ${blob.toString('base64')}`),
  fc.constantFrom(...VALID_LINES).chain(line => mutated(Buffer.from(line)).map(String)),
  fc.tuple(fc.constantFrom(...VALID_LINES), anyText).map(parts => parts.join(' ')),
  anyText,
);

const authority = createUserCa();
const caBlob = Buffer.from(authority.publicKey.split(' ')[1]!, 'base64');
const NOW = new Date('2026-11-21T12:00:00Z');
const seconds = Math.floor(NOW.getTime() / 1000);
const fields = {
  caPrivate: authority.privateKey,
  publicKeyLine: VALID_LINES[0]!,
  serial: 7n,
  keyId: 'maya s_1',
  principals: ['sallyport:db01.acme:root'],
  validAfter: seconds - 15,
  validBefore: seconds + 105,
  sourceAddress: '127.0.0.1,2001:db8::/32',
  extensions: ['permit-pty'] as const,
};
const certificate = Buffer.from(signUserCertificate(fields).split(' ')[1]!, 'base64');
const given = { authorities: [caBlob], principals: fields.principals, address: '127.0.0.1', now: NOW };

/** Each by name; none may throw anything but what it says. */
export const PARSERS: Readonly<Record<string, fc.IProperty<[never]> | fc.IProperty<never>>> = {
  'a public key as a person pastes it': fc.property(anyLine, line => {
    const key = readPublicKey(line);
    if (key === null) return;
    const again = readPublicKey(key.publicKey);
    must(
      again?.fingerprint === key.fingerprint && again.publicKey === key.publicKey,
      'it reads differently again',
    );
    const [type, base64] = key.publicKey.split(' ');
    const blob = Buffer.from(base64!, 'base64');
    must(typeOfBlob(blob) === type, 'the type is not the type of the key');
    const sha256 = createHash('sha256').update(blob).digest('base64').replace(/=+$/, '');
    must(key.fingerprint === `SHA256:${sha256}`, 'another fingerprint');
    must(!/[\r\n]/.test(key.comment) && key.comment.length <= 200, 'a comment that is none');
  }) as never,
  'a certificate that was changed': fc.property(
    fc.oneof(
      mutated(certificate),
      fc.uint8Array({ maxLength: 800 }).map(bytes => Buffer.from(bytes)),
    ),
    bytes => {
      const answer = admits(bytes, given);
      if ('certificate' in answer) must(bytes.equals(certificate), 'a changed certificate was admitted');
      if ('certificate' in answer) holdsKey(answer.certificate, bytes, bytes.subarray(0, 64));
    },
  ) as never,
  'a certificate whose options the authority signed, wherever it is shown': fc.property(
    anyText,
    fc.date({ noInvalidDate: true }),
    (address, now) => {
      const answer = admits(certificate, { ...given, address, now });
      if ('certificate' in answer)
        must(/^(127\.0\.0\.1|2001:0?db8:|::ffff:127)/i.test(address), 'from elsewhere');
    },
  ) as never,
  'a certificate to be signed': fc.property(
    fc.record({
      publicKeyLine: fc.oneof(fc.constant(VALID_LINES[0]!), anyLine),
      serial: fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
      keyId: fc.oneof(fc.constant('maya'), anyText),
      principals: fc.array(fc.oneof(fc.constant('root'), anyText), { maxLength: 3 }),
      validAfter: fc.oneof(fc.constant(0), fc.double(), fc.integer()),
      validBefore: fc.oneof(fc.constant(2 ** 40), fc.double(), fc.integer()),
      sourceAddress: fc.oneof(fc.constant('127.0.0.1'), fc.ipV4Extended(), fc.ipV6(), anyText),
      extensions: fc.constantFrom([], ['permit-pty'], ['permit-everything']),
    }),
    asked => {
      const line = orThrows(CredentialError, () =>
        signUserCertificate({
          ...asked,
          caPrivate: authority.privateKey,
          extensions: asked.extensions as never,
        }),
      );
      if (line === null) return;
      const blob = Buffer.from(line.split(' ')[1]!, 'base64');
      const now = new Date(Math.min(asked.validAfter * 1000, 8.64e15));
      const answer = admits(blob, { ...given, principals: asked.principals, now });
      const told = 'refusal' in answer ? answer.refusal : 'admitted';
      must(told === 'admitted' || told === 'another source address', `what we sign reads as: ${told}`);
      if ('certificate' in answer) must(answer.certificate.keyId === asked.keyId, 'another key id');
    },
  ) as never,
  'the keys of an authority': fc.property(anyLine, line => {
    orThrows(Error, () => readAuthorities(line));
  }) as never,
  'a host key on file': fc.property(anyLine, anyBlob, (line, blob) => {
    const key = orThrows(Error, () => blobOfLine(line));
    if (key !== null) must(typeOfBlob(key) === line.trim().split(/\s+/)[0], 'another type');
    const type = typeOfBlob(blob);
    must(type === null || (type.length > 0 && type.length <= 64), 'a type without bounds');
  }) as never,
  'an address': fc.property(
    fc.oneof(anyText, fc.ipV6(), fc.ipV4(), fc.constant('::ffff:1.2.3.4%')),
    address => {
      const network = networkOf(plainAddress(address));
      must(!network.includes('NaN'), `${address} is in ${network}`);
    },
  ) as never,
  'a terminal, its sizes and its name': fc.property(
    fc.integer(),
    fc.integer(),
    anyText,
    (columns, rows, term) => {
      const pty = ptyOf({ cols: columns, rows, width: 0, height: 0, modes: {}, term } as never, null);
      must(
        pty.columns >= 1 && pty.columns <= 4096 && pty.rows >= 1 && pty.rows <= 4096,
        'a size without bounds',
      );
      must(/^[\w.+-]{1,64}$/.test(pty.term), 'a name that is none');
      must(saneSize(columns, 80) >= 1, 'no size');
    },
  ) as never,
  'a command, and what we say about it': fc.property(
    anyText,
    fc.constantFrom('scp -t ', 'rsync --server ', 'git-upload-pack ', '/usr/bin/scp -f ', ''),
    (text, start) => {
      const command = start + text;
      const transfer = transferOf('exec', command);
      if (transfer !== null)
        must(!/[;&|<>$`()\n\r\0]/.test(command), 'more than one command passes as a copy');
      if (!garbled({ username: text, command: null }))
        must(!/[\0-\x1f\x7f]/.test(text), 'control characters pass');
      must(!/[\0-\x1f\x7f-\x9f]/.test(spoken(text)), 'a line of ours that is not one');
    },
  ) as never,
};

const string = (text: fc.Arbitrary<string | Buffer>) => text.map(sshString);
const number = fc.oneof(
  fc.nat(3),
  fc.constantFrom(80, 0xff, 0x7fff, 32_768, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff),
);
const word = number.map(uint32);
/** Mostly one that is open. */
const channel = fc.oneof({ arbitrary: fc.nat(4), weight: 60 }, { arbitrary: number, weight: 1 }).map(uint32);
const size = fc
  .oneof({ arbitrary: fc.constant(32_768), weight: 5 }, { arbitrary: number, weight: 1 })
  .map(uint32);
const bool = fc.constantFrom(0, 1, 2, 255).map(value => Buffer.of(value));
const long = fc.nat(30_000).map(length => 'x'.repeat(length));
const text = fc.oneof(
  { arbitrary: anyText, weight: 8 },
  { arbitrary: long, weight: 1 },
  {
    arbitrary: fc.constantFrom('__proto__', 'constructor', 'sftp', 'LANG', 'root@db01', '', '\0'),
    weight: 4,
  },
);
const packet = (type: number, ...parts: fc.Arbitrary<Buffer>[]) =>
  fc.tuple(...parts).map(bytes => Buffer.concat([Buffer.of(type), ...bytes]));
const request = (name: string, ...parts: fc.Arbitrary<Buffer>[]) =>
  packet(98, channel, fc.constant(sshString(name)), bool, ...parts);
const modes = fc
  .oneof(
    fc
      .array(fc.tuple(fc.nat(255), number), { maxLength: 60 })
      .map(pairs =>
        Buffer.concat([
          ...pairs.map(([code, value]) => Buffer.concat([Buffer.of(code), uint32(value)])),
          Buffer.of(0),
        ]),
      ),
    fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)),
  )
  .map(sshString);

/** What a known person's client may send, well formed in the main. */
export const PACKETS: fc.Arbitrary<Buffer> = fc.oneof(
  request('pty-req', string(text), word, word, word, word, modes),
  request('env', string(text), string(text)),
  request('shell'),
  request('exec', string(text)),
  request('subsystem', string(text)),
  request('window-change', word, word, word, word),
  request('signal', string(fc.oneof(text, fc.constantFrom('TERM', 'INT', 'SIGKILL', 'USR1')))),
  request('xon-xoff', bool),
  request('auth-agent-req@openssh.com'),
  request('x11-req', bool, string(text), string(text), word),
  request('exit-status', word),
  request('exit-signal', string(text), bool, string(text), string(text)),
  packet(98, channel, string(text), bool),
  packet(90, fc.constant(sshString('session')), channel, word, size),
  packet(
    90,
    fc.constantFrom('direct-tcpip', 'x11', 'forwarded-tcpip').map(sshString),
    word,
    word,
    word,
    string(text),
    word,
    string(text),
    word,
  ),
  packet(90, string(text), word, word, word),
  packet(91, word, word, word, word),
  packet(92, word, word, string(text), string(text)),
  packet(93, channel, word),
  packet(94, channel, string(text)),
  packet(95, channel, word, string(text)),
  packet(96, channel),
  packet(97, channel),
  packet(99, channel),
  packet(100, channel),
  packet(80, string(text), bool),
  packet(
    80,
    fc.constantFrom('tcpip-forward', 'cancel-tcpip-forward').map(sshString),
    bool,
    string(text),
    word,
  ),
  packet(
    80,
    fc.constantFrom('streamlocal-forward@openssh.com', 'keepalive@openssh.com').map(sshString),
    bool,
    string(text),
  ),
  packet(2, string(text)),
  packet(4, bool, string(text), string(text)),
  packet(3, word),
  packet(192, string(text)),
);

/** What a stranger's client may send once it has keys. */
export const STRANGERS_PACKETS: fc.Arbitrary<Buffer> = fc.oneof(
  packet(5, string(fc.oneof(fc.constantFrom('ssh-userauth', 'ssh-connection'), text))),
  packet(
    50,
    string(fc.oneof(fc.constant('root@db01'), text)),
    string(fc.oneof({ arbitrary: fc.constant('ssh-connection'), weight: 9 }, { arbitrary: text, weight: 1 })),
    fc.oneof(
      fc.constant(sshString('none')),
      fc.tuple(bool, string(text)).map(parts => Buffer.concat([sshString('password'), ...parts])),
      fc
        .tuple(bool, string(text), string(text))
        .map(parts => Buffer.concat([sshString('password'), ...parts])),
      fc
        .tuple(string(text), string(text))
        .map(parts => Buffer.concat([sshString('keyboard-interactive'), ...parts])),
      fc
        .tuple(
          bool,
          fc.constantFrom('ssh-ed25519', 'ssh-rsa', 'rsa-sha2-512', 'ecdsa-sha2-nistp256', 'ssh-dss'),
          fc.oneof(anyBlob, fc.constantFrom(...blobs)),
          fc.oneof(
            fc.uint8Array({ maxLength: 600 }).map(bytes => Buffer.from(bytes)),
            fc
              .uint8Array({ minLength: 64, maxLength: 64 })
              .map(raw => Buffer.concat([sshString('ssh-ed25519'), sshString(Buffer.from(raw))])),
          ),
        )
        .map(([signed, type, blob, signature]) =>
          Buffer.concat([
            sshString('publickey'),
            signed,
            sshString(type),
            sshString(blob),
            ...(signed[0] === 0 ? [] : [sshString(signature)]),
          ]),
        ),
      fc
        .tuple(string(text), string(text), string(text), string(text), string(text))
        .map(parts => Buffer.concat([sshString('hostbased'), ...parts])),
      string(text),
    ),
  ),
  packet(61, word, string(text), string(text)),
  packet(61, word),
  packet(52),
  packet(51, string(text), bool),
  packet(60, string(text), string(text)),
  PACKETS,
);

/** Mostly as they come; one in ten is broken. */
export const sent = (packets: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> =>
  fc.oneof({ arbitrary: packets, weight: 9 }, { arbitrary: packets.chain(mutated), weight: 1 });
