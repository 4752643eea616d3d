/** Cobertura, Clover and JaCoCo: three ways to say the same in XML, told apart by what stands in them. */
import { SaxesParser, type SaxesTagPlain } from 'saxes';
import type { CoverageFormat } from '../../schema/wire/coverage.ts';
import type { NamedLines, ReadCoverage } from './read-coverage.ts';

/** How often an element says that its line ran; null for elements that say nothing. */
type Reader = (tag: SaxesTagPlain) => { line: string; hits: string } | null;

const LINES: Readonly<Record<CoverageFormat, Reader>> = {
  lcov: () => null,
  cobertura: ({ attributes: { number = '', hits = '' } }) => ({ line: number, hits }),
  clover: ({ attributes: { num = '', count = '' } }) => ({ line: num, hits: count }),
  jacoco: ({ attributes: { nr = '', ci = '' } }) => ({ line: nr, hits: ci }),
};

/** Reads the file; null when it is not well-formed or none of the three. */
export function readXml(text: string): ReadCoverage | null {
  const state = new State();
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => state.open(tag));
  parser.on('text', (part) => state.text(part));
  parser.on('closetag', (tag) => state.close(tag.name));
  try {
    parser.write(text).close();
  } catch {
    return null;
  }
  const { format, files, roots } = state;
  return format === null || files.length === 0 ? null : { format, files, roots };
}

class State {
  format: CoverageFormat | null = null;
  readonly files: NamedLines[] = [];
  readonly roots: string[] = [];
  #package = '';
  #current: NamedLines | null = null;
  #inSource = false;

  open(tag: SaxesTagPlain): void {
    const { name, attributes } = tag;
    if (this.format === null) this.format = formatOf(tag);
    if (name === 'source') this.#inSource = true;
    if (name === 'package') this.#package = attributes['name'] ?? '';
    const file = this.#fileOf(tag);
    if (file !== null) {
      this.#current = { name: file, lines: new Map() };
      this.files.push(this.#current);
    }
    if (name === 'line' && this.format !== null) this.#line(LINES[this.format](tag));
  }

  text(part: string): void {
    if (this.#inSource && part.trim() !== '') this.roots.push(part.trim());
  }

  close(name: string): void {
    if (name === 'source') this.#inSource = false;
    if (name === 'class' || name === 'file' || name === 'sourcefile') this.#current = null;
  }

  /** The file that an element is about, as this format names it. */
  #fileOf({ name, attributes }: SaxesTagPlain): string | null {
    switch (this.format) {
      case 'cobertura':
        return name === 'class' ? (attributes['filename'] ?? null) : null;
      case 'clover':
        return name === 'file' ? (attributes['path'] ?? attributes['name'] ?? null) : null;
      case 'jacoco':
        return name === 'sourcefile' ? `${this.#package}/${attributes['name'] ?? ''}` : null;
      default:
        return null;
    }
  }

  #line(said: ReturnType<Reader>): void {
    const [line, hits] = [Number(said?.line || Number.NaN), Number(said?.hits || Number.NaN)];
    if (this.#current === null || !Number.isSafeInteger(line) || line < 1) return;
    if (!Number.isSafeInteger(hits) || hits < 0) return;
    this.#current.lines.set(line, Math.max(hits, this.#current.lines.get(line) ?? 0));
  }
}

/** JaCoCo's root is `report`; Clover's `coverage` counts in `generated`, Cobertura's has rates. */
function formatOf({ name, attributes }: SaxesTagPlain): CoverageFormat | null {
  if (name === 'report') return 'jacoco';
  if (name !== 'coverage') return null;
  return 'line-rate' in attributes || !('generated' in attributes) ? 'cobertura' : 'clover';
}
