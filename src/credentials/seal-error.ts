export type SealErrorCode =
  /** SALLYPORT_KEY or the key file is not 32 bytes in base64 or hex. */
  | 'key-malformed'
  /** The key file can be read by every user of the machine. */
  | 'key-file-exposed'
  /** The text is not what `seal` writes. */
  | 'sealed-malformed'
  /** It is, under a key that is not here. */
  | 'sealed-by-another-key'
  /** It was changed, or sealed for another context. */
  | 'sealed-altered';

/** Never holds a secret: neither keys nor what was to be sealed or opened. */
export class SealError extends Error {
  readonly code: SealErrorCode;

  constructor(code: SealErrorCode, message: string) {
    super(message);
    this.name = 'SealError';
    this.code = code;
  }
}
