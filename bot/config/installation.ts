/** Where the files of the installation are: settings, agents, migrations, the CI template. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface Installation {
  root: string;
  settingsFile: string;
  agentsDir: string;
  workflowsDir: string;
  migrationsDir: string;
  templateFile: string;
  deployTemplateFile: string;
}

/**
 * Finds the installation's root upwards from a file's folder, so that the sources and the bundle in
 * dist/ read the same files.
 * @throws Error when no folder above holds config/settings.yaml.
 */
export function findInstallation(from: string): Installation {
  for (let dir = from; ; dir = dirname(dir)) {
    if (
      existsSync(join(dir, 'config', 'settings.yaml')) &&
      existsSync(join(dir, 'schema', 'sql'))
    ) {
      return {
        root: dir,
        settingsFile: join(dir, 'config', 'settings.yaml'),
        agentsDir: join(dir, 'config', 'agents'),
        workflowsDir: join(dir, 'config', 'workflows'),
        migrationsDir: join(dir, 'schema', 'sql'),
        templateFile: join(dir, 'ci-templates', 'autodev.yml'),
        deployTemplateFile: join(dir, 'ci-templates', 'jobs', 'deploy.yml'),
      };
    }
    if (dir === dirname(dir)) {
      throw new Error(`no AutoDev installation above ${from}: config/settings.yaml is missing`);
    }
  }
}
