import type { ModelRoute } from '../../../schema/wire/job-api.ts';
import type { Model, ModelOptions } from '../model.ts';

/**
 * The models of a task's route. An SDK is loaded when its model is first asked, so that the one not
 * used costs no start-up time; `preload` starts with the first at once.
 */
export function buildRoute(
  routes: readonly ModelRoute[],
  options: Omit<ModelOptions, 'model'>,
): { models: Model[]; preload: () => Promise<unknown> } {
  const loaders = routes.map((route) => once(() => load(route, options)));
  const models = routes.map((route, i) => ({
    name: `${route.provider}/${route.model}`,
    turn: async (request: Parameters<Model['turn']>[0]) => {
      const loader = loaders[i] as () => Promise<Model>;
      return (await loader()).turn(request);
    },
  }));
  return { models, preload: () => loaders[0]?.() ?? Promise.resolve() };
}

async function load(route: ModelRoute, options: Omit<ModelOptions, 'model'>): Promise<Model> {
  const all = { ...options, model: route.model };
  switch (route.provider) {
    case 'openai':
      return (await import('./openai-model.ts')).openaiModel(all);
    case 'anthropic':
      return (await import('./anthropic-model.ts')).anthropicModel(all);
  }
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
