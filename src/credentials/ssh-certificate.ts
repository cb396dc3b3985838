import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto';
import { isIP } from 'node:net';
import {
  type Authority,
  type CredentialAsk,
  CredentialError,
  type CredentialKind,
  type IssuedCredential,
  type ProbeAsk,
} from './contract.ts';

// OpenSSH user certificates over Ed25519, as in OpenSSH's PROTOCOL.certkeys; the wire types are RFC 4251 section 5,
// the key format RFC 8709.

const PLAIN = 'ssh-ed25519';
const CERTIFICATE = 'ssh-ed25519-cert-v01@openssh.com';
const USER = 1;
const KEY_BYTES = 32;
const LARGEST_UINT64 = 2n ** 64n - 1n;

/** The gateway's and the target's clocks may differ by this much and a fresh certificate is still accepted. */
const BEFORE_SECONDS = 30;
/** With the above the whole window is two minutes, the longest that the contract allows. */
const AFTER_SECONDS = 90;
/** A probe's certificate is used at once. */
const PROBE_AFTER_SECONDS = 30;

/** sshd runs it in the place of whatever is asked for: a shell, a command, a transfer. Each shell has it built in. */
const NOTHING = 'exit 1';

/** What a certificate may switch on; without them sshd gives none. `permit-user-rc` is not among them on purpose. */
export type Extension =
  | 'permit-X11-forwarding'
  | 'permit-agent-forwarding'
  | 'permit-port-forwarding'
  | 'permit-pty';
const EXTENSIONS: readonly string[] = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
] satisfies Extension[];

export interface CertificateFields {
  /** PKCS #8, DER, Ed25519. */
  readonly caPrivate: Buffer;
  /** `ssh-ed25519 AAAA… [comment]`. */
  readonly publicKeyLine: string;
  readonly serial: bigint;
  /** sshd logs it at each sign-in. */
  readonly keyId: string;
  /** At least one: to sshd, none would mean anybody. */
  readonly principals: readonly string[];
  /** Unix seconds; accepted from this second on. */
  readonly validAfter: number;
  /** Unix seconds; refused from this second on. */
  readonly validBefore: number;
  /** IP addresses or CIDR, separated by commas. */
  readonly sourceAddress: string;
  readonly extensions: readonly Extension[];
  /** What sshd runs whatever is asked for. */
  readonly forceCommand?: string;
}

/** A new authority: the public part as a line for TrustedUserCAKeys, the private one as PKCS #8 DER, to be sealed. */
export function createUserCa(): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKeyLine(publicKey),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'der' }),
  };
}

/** `ssh-ed25519 AAAA…`, the form of authorized_keys, for a public or private Ed25519 key. */
export function publicKeyLine(key: KeyObject): string {
  return `${PLAIN} ${publicBlob(key).toString('base64')}`;
}

/**
 * The name in a certificate that a host's AuthorizedPrincipalsFile must hold: `sallyport:TARGET.TENANT:LOGIN`.
 * Tenants have no dot and no part has a colon, so two different triples never give the same name.
 */
export function principalOf(target: string, tenant: string, login: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(target)) throw invalid('target name');
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/.test(tenant)) throw invalid('tenant name');
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.@$+-]{0,127}$/.test(login)) throw invalid('login');
  return `sallyport:${target}.${tenant}:${login}`;
}

/**
 * One line, `ssh-ed25519-cert-v01@openssh.com AAAA…`. Every field is checked before anything is signed.
 * Errors: `subject-key-unsuitable`, `authority-key-unsuitable`, `credential-input-invalid`.
 */
export function signUserCertificate(fields: CertificateFields): string {
  const ca = authorityKey(fields.caPrivate);
  const caBlob = publicBlob(ca);
  const subject = subjectKey(fields.publicKeyLine);
  if (caBlob.subarray(-KEY_BYTES).equals(subject)) {
    throw new CredentialError('subject-key-unsuitable', 'an authority does not certify itself');
  }
  check(fields);
  const names = [...new Set(fields.extensions)].sort();
  const body = Buffer.concat([
    text(CERTIFICATE),
    bytes(randomBytes(32)),
    bytes(subject),
    uint64(fields.serial),
    uint32(USER),
    text(fields.keyId),
    bytes(Buffer.concat(fields.principals.map(text))),
    uint64(BigInt(fields.validAfter)),
    uint64(BigInt(fields.validBefore)),
    // Names in lexical order, here and for the extensions, whose data is empty: sshd refuses another order.
    bytes(
      Buffer.concat([
        ...(fields.forceCommand === undefined
          ? []
          : [text('force-command'), bytes(text(fields.forceCommand))]),
        text('source-address'),
        bytes(text(fields.sourceAddress)),
      ]),
    ),
    bytes(Buffer.concat(names.flatMap(name => [text(name), text('')]))),
    text(''),
    bytes(caBlob),
  ]);
  const signature = Buffer.concat([text(PLAIN), bytes(sign(null, body, ca))]);
  return `${CERTIFICATE} ${Buffer.concat([body, bytes(signature)]).toString('base64')}`;
}

/**
 * A certificate for one session, from a moment ago until two minutes after that or the end of the grant, whichever is
 * first. Rounded towards less: sshd counts whole seconds. Errors: as above, and `grant-over` where nothing is left.
 */
export function issueSshCertificate(caPrivate: Buffer, ask: CredentialAsk): IssuedCredential {
  const now = Math.floor(ask.now.getTime() / 1000);
  const end = Math.floor(ask.grantEndsAt.getTime() / 1000);
  const validAfter = now - BEFORE_SECONDS;
  const validBefore = Math.min(now + AFTER_SECONDS, end);
  // Also where a date is none: the comparison with NaN is false.
  if (!(validBefore * 1000 > ask.now.getTime())) {
    throw new CredentialError('grant-over', 'nothing is left of the grant');
  }
  return issueWithin(caPrivate, ask, { validAfter, validBefore, extensions: ask.pty ? ['permit-pty'] : [] });
}

/** For a minute around now; no extension, and a forced command that ends at once. Errors: as above. */
export function issueSshProbe(caPrivate: Buffer, ask: ProbeAsk): IssuedCredential {
  const now = Math.floor(ask.now.getTime() / 1000);
  return issueWithin(caPrivate, ask, {
    validAfter: now - BEFORE_SECONDS,
    validBefore: now + PROBE_AFTER_SECONDS,
    extensions: [],
    forceCommand: NOTHING,
  });
}

function issueWithin(
  caPrivate: Buffer,
  ask: ProbeAsk,
  rest: Pick<CertificateFields, 'validAfter' | 'validBefore' | 'extensions' | 'forceCommand'>,
): IssuedCredential {
  const principal = principalOf(ask.target, ask.tenant, ask.login);
  const sourceAddress = ask.sourceAddresses.map(withoutMapping).join(',');
  const certificate = signUserCertificate({
    caPrivate,
    publicKeyLine: ask.publicKey,
    serial: ask.serial,
    keyId: ask.keyId,
    principals: [principal],
    sourceAddress,
    ...rest,
  });
  return {
    certificate,
    serial: ask.serial.toString(),
    principal,
    sourceAddress,
    validAfter: new Date(rest.validAfter * 1000),
    validBefore: new Date(rest.validBefore * 1000),
  };
}

export const sshCertificate: CredentialKind = {
  createAuthority: createUserCa,
  issue: issueSshCertificate,
  issueProbe: issueSshProbe,
};

function authorityKey(der: Buffer): KeyObject {
  let key: KeyObject | null = null;
  try {
    key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    // The parser's message may quote the key.
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new CredentialError('authority-key-unsuitable', 'the authority has no Ed25519 key in PKCS #8');
  }
  return key;
}

/** The 32 bytes of a plain Ed25519 key. No other types, no certificates, nothing before or after the key. */
function subjectKey(line: string): Buffer {
  const [type, encoded] = line.split(' ');
  const blob = Buffer.from(encoded ?? '', 'base64');
  const key = blob.subarray(-KEY_BYTES);
  const expected = Buffer.concat([text(PLAIN), bytes(key)]);
  if (type !== PLAIN || /[\r\n]/.test(line.trimEnd()) || key.length !== KEY_BYTES || !blob.equals(expected)) {
    throw new CredentialError('subject-key-unsuitable', 'only plain ssh-ed25519 keys are certified');
  }
  return key;
}

function check(fields: CertificateFields): void {
  if (fields.serial < 0n || fields.serial > LARGEST_UINT64) throw invalid('serial');
  if (!isPrintable(fields.keyId, 512)) throw invalid('key id');
  if (fields.principals.length === 0 || !fields.principals.every(each => isPrintable(each, 512))) {
    throw invalid('principals');
  }
  const { validAfter, validBefore } = fields;
  if (!Number.isSafeInteger(validAfter) || !Number.isSafeInteger(validBefore)) throw invalid('validity');
  if (validAfter < 0 || validBefore <= validAfter) throw invalid('validity');
  if (!fields.sourceAddress.split(',').every(isAddressOrRange)) throw invalid('source address');
  if (!fields.extensions.every(each => EXTENSIONS.includes(each))) throw invalid('extension');
  if (fields.forceCommand !== undefined && !isPrintable(fields.forceCommand, 512))
    throw invalid('forced command');
}

const isPrintable = (value: string, most: number) =>
  value.length <= most && /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(value);

function isAddressOrRange(value: string): boolean {
  const [address = '', length, ...rest] = value.split('/');
  const version = address.includes('%') ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return (
    length === undefined ||
    (/^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= (version === 4 ? 32 : 128))
  );
}

/** A socket that takes both families calls an IPv4 peer `::ffff:192.0.2.1`; the target sees 192.0.2.1. */
const withoutMapping = (address: string) => address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');

const invalid = (what: string) =>
  new CredentialError('credential-input-invalid', `unsuitable ${what} for a certificate`);

function publicBlob(key: KeyObject): Buffer {
  // The key is the last 32 bytes of its SubjectPublicKeyInfo (RFC 8410, section 4).
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return Buffer.concat([
    text(PLAIN),
    bytes(publicKey.export({ type: 'spki', format: 'der' }).subarray(-KEY_BYTES)),
  ]);
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([uint32(value.length), value]);
}

const text = (value: string) => bytes(Buffer.from(value, 'utf8'));

function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

function uint64(value: bigint): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(value);
  return out;
}
