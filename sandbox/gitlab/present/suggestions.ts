/** A suggestion as the API shows it (lib/api/entities/suggestion.rb). */
import { linesOfSuggestion, whyNot } from '../services/suggestions.ts';
import type { MergeRequest, Note, Suggestion } from '../state/types.ts';

export function suggestionEntity(
  mr: MergeRequest,
  note: Note,
  suggestion: Suggestion,
): Record<string, unknown> {
  const { from, to } = linesOfSuggestion(note, suggestion);
  return {
    id: suggestion.id,
    from_line: from,
    to_line: to,
    appliable: whyNot(mr, note, suggestion) === null,
    applied: suggestion.applied,
    from_content: suggestion.fromContent,
    to_content: suggestion.toContent,
  };
}
