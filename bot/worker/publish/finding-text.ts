/** A finding as the first note of its thread: what goes wrong, and a suggestion that applies (EXPERIENCE §6). */
import { threadLine } from '../../decide/threads.ts';
import type { KnownFinding } from '../../domain/findings.ts';
import { suggestionFor } from '../../domain/suggestion.ts';
import type { ThreadPlace } from '../../forge/review.ts';
import { neutralise } from './neutralise.ts';

const BODY_CHARS = 4_000;
const WHY_CHARS = 300;

/**
 * The note's text for a place. `file` is the file at the head that was looked at, null where it could not
 * be read; where the thread does not stand on its line, the text names it.
 */
export function findingText(
  finding: KnownFinding,
  place: ThreadPlace,
  file: string | null,
  allowedHost: string,
): string {
  const safe = (text: string): string => neutralise(text, { allowedHost, maxChars: BODY_CHARS });
  const { severity, category, title, body } = finding;
  const parts = [
    `**${severity} · ${oneLine(safe(category))}** ${oneLine(safe(title))}`,
    ...(place.on === 'line' ? [] : ['', `At ${placeText(finding, allowedHost)}.`]),
    '',
    safe(body),
    ...suggestionLines(finding, place, file, safe),
    '',
    threadLine(finding),
  ];
  return parts.join('\n');
}

/** Why a finding is still there, as one harmless line. */
export function whyText(why: string, allowedHost: string): string {
  return oneLine(neutralise(why, { allowedHost, maxChars: WHY_CHARS })).trim();
}

function suggestionLines(
  finding: KnownFinding,
  place: ThreadPlace,
  file: string | null,
  safe: (text: string) => string,
): string[] {
  const { path, line, endLine = line, suggestion: text } = finding;
  if (text === undefined) return [];
  const anchor = place.on === 'line' ? place.line : null;
  const suggestion = suggestionFor({ path, line, endLine, text }, anchor, file);
  if (suggestion.kind === 'block') {
    const fence = fenceFor(suggestion.text);
    const inner = suggestion.text === '' ? [] : [suggestion.text];
    return ['', `${fence}${suggestion.info}`, ...inner, fence];
  }
  const shown = safe(suggestion.text);
  const fence = fenceFor(shown);
  return ['', `Suggested. It cannot be applied: ${suggestion.why}.`, '', fence, shown, fence];
}

/** A fence that the text cannot end. */
function fenceFor(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  return '`'.repeat(Math.max(3, longest + 1));
}

function placeText({ path, line, endLine }: KnownFinding, allowedHost: string): string {
  const name = neutralise(path, { allowedHost, maxChars: 400 }).replaceAll('`', "'");
  const lines = endLine === undefined || endLine === line ? `${line}` : `${line}-${endLine}`;
  return `\`${oneLine(name)}:${lines}\``;
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' ');
}
