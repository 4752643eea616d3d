/** Applying suggestions (gitlab-facts §3.4; lib/api/suggestions.rb). */
import { needUser, type Call, type Route } from '../rest/call.ts';
import { badParameter, notFound, ok } from '../rest/reply.ts';
import { canSeeProject } from '../services/access.ts';
import { applySuggestions, findSuggestion, type Found } from '../services/suggestions.ts';
import { suggestionEntity } from '../present/suggestions.ts';

function found(call: Call, id: number): Found | null {
  const one = findSuggestion(call.gl, id);
  return one && canSeeProject(one.project, needUser(call)) ? one : null;
}

export const suggestionRoutes: Route[] = [
  {
    method: 'PUT',
    path: '/suggestions/:id/apply',
    handler: async (call) => {
      const user = needUser(call);
      const one = found(call, Number(call.params['id']));
      if (!one) throw notFound('Suggestion');
      await applySuggestions(call.gl, user, [one], call.input.str('commit_message'));
      return ok(suggestionEntity(one.mr, one.note, one.suggestion));
    },
  },
  {
    method: 'PUT',
    path: '/suggestions/batch_apply',
    handler: async (call) => {
      const user = needUser(call);
      const raw = call.input.raw('ids');
      if (!Array.isArray(raw) || raw.length === 0) throw badParameter('ids is missing');
      const ids = [...new Set(raw.map(Number))];
      const all = ids.map((id) => found(call, id)).filter((one) => one !== null);
      if (all.length < ids.length) throw notFound('Suggestion');
      await applySuggestions(call.gl, user, all, call.input.str('commit_message'));
      return ok(all.map(({ mr, note, suggestion }) => suggestionEntity(mr, note, suggestion)));
    },
  },
];
