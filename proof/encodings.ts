/** The fourteen ways in which a secret is carried out, each with a text that hides it so. */
import { gzipSync } from 'node:zlib';

export type Encoding = keyof typeof ENCODINGS;

const bytes = (secret: string): Buffer => Buffer.from(secret);

/** Carriers of a secret; two outputs where it is split. */
export const ENCODINGS = {
  raw: (secret: string): (string | Buffer)[] => [`token=${secret};`],
  'base64 at 0': (secret: string) => [bytes(secret).toString('base64')],
  'base64 at 1': (secret: string) => [bytes(`x${secret}yz`).toString('base64')],
  'base64 at 2': (secret: string) => [bytes(`xx${secret}y`).toString('base64')],
  hex: (secret: string) => [bytes(secret).toString('hex')],
  'upper hex': (secret: string) => [bytes(secret).toString('hex').toUpperCase()],
  URL: (secret: string) => [
    [...bytes(secret)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  ],
  reversed: (secret: string) => [[...secret].toReversed().join('')],
  rot13: (secret: string) => [rot13(secret)],
  gzip: (secret: string) => [gzipSync(`padding and ${secret} more`)],
  'gzip in base64': (secret: string) => [gzipSync(`x ${secret} y`).toString('base64')],
  'split over two outputs': (secret: string) => [
    `first: ${secret.slice(0, Math.ceil(secret.length / 2))}`,
    `second: ${secret.slice(Math.ceil(secret.length / 2))}`,
  ],
  interleaved: (secret: string) => [
    [...secret].map((char) => `${char}x`).join(''),
    [...secret].map((char, at) => char + '.'.repeat(1 + (at % 3))).join(''),
  ],
  'any 12 characters': (secret: string) => [`x${secret.slice(3, 15)}x`],
} as const;

export const ENCODING_NAMES = Object.keys(ENCODINGS) as Encoding[];

/** The letters moved by half the alphabet. */
export function rot13(text: string): string {
  return text.replaceAll(/[a-z]/gi, (char) => {
    const base = char <= 'Z' ? 65 : 97;
    return String.fromCharCode(((char.charCodeAt(0) - base + 13) % 26) + base);
  });
}
