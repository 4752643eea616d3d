/** `autodev explain`: what happened to an issue or merge request, and why. */
import { Command } from 'commander';
import type { Config } from '../config/env.ts';
import { createGitLabWebhooks } from '../forge/gitlab/webhooks.ts';
import { repoByPath } from '../store/repos.ts';
import { tell } from './explain/prose.ts';
import { readStory } from './explain/story.ts';
import { openReadyStore } from './open-ready-store.ts';
import { failure, requireConfig } from './require-config.ts';
import { parseReference, referenceText } from './target-reference.ts';
import { createTerminal } from './terminal.ts';

const STEPS = 20;

export function explainCommand(): Command {
  return new Command('explain')
    .description('tell what happened to an issue or merge request, what was decided, and why')
    .argument('<item>', "'group/project#12', 'group/project!4', or the URL of one")
    .option('--json', 'print everything that is known as JSON')
    .addHelpText(
      'after',
      "\nGitLab is not asked; all of it is in the database.\n\nExample:\n  autodev explain 'group/project#12'",
    )
    .action(async (item: string, { json }: { json?: boolean }) => {
      const config = requireConfig();
      const reference = parseReference(item, config.gitlab.url);
      const store = await openReadyStore(config, 'explain');
      try {
        const repo = await repoByPath(store, 'gitlab', reference.path);
        if (repo === null) {
          throw failure(
            `Nothing is known about ${referenceText(reference)}.`,
            `no event of ${reference.path} was ever acted on, and it was not connected`,
            `autodev connect ${reference.path}, or autodev replay --list for what arrived`,
          );
        }
        const story = await readStory(store, reader(config), repo, reference.target, STEPS);
        const terminal = createTerminal();
        if (json === true) terminal.json(story);
        else for (const line of tell(story)) terminal.line(line);
      } finally {
        await store.close();
      }
    });
}

/** Only reads payloads that were verified when they arrived. */
function reader(config: Config): ReturnType<typeof createGitLabWebhooks> {
  return createGitLabWebhooks({
    secret: config.webhookSecret,
    requireSigning: config.requireSigning,
    signingProjects: () => false,
  });
}
