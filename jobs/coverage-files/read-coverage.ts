/** What a coverage file says, before it is held against the files of the commit. */
import type { CoverageFormat } from '../../schema/wire/coverage.ts';

/** Lines of one source file, by the name that the tool gave it. */
export interface NamedLines {
  name: string;
  lines: Map<number, number>;
}

export interface ReadCoverage {
  format: CoverageFormat;
  files: NamedLines[];
  /** Folders that names may be relative to. */
  roots: string[];
}
