/** The stage of stories: a world, bots in this process, and ways to look behind the scenes. */
import type { Config } from '../../bot/config/env.ts';
import type { Bot } from '../../bot/main.ts';
import type { Project } from '../../sandbox/gitlab/state/types.ts';
import type { Script } from '../../sandbox/model/types.ts';
import type { World } from '../../sandbox/world.ts';

export type PersonName = keyof World['people'];

/** What a story plays on; `story.ts` adds how it is told. */
export interface StageBase {
  world: World;
  /** The sample with a test job that takes no time: where stories play unless they say otherwise. */
  light: Project;
  bots: Bot[];
  botUrls: string[];
  config: Config;
  /** Everything the bots logged, unredacted, one JSON object a line. */
  log: string[];
  /**
   * A further project like the sample, with files added, replaced or (null) left out; `deploys` leaves it
   * its deploy job.
   */
  project(
    path: string,
    files?: Record<string, string | null>,
    options?: { deploys: boolean },
  ): Promise<Project>;
  /** Answers of the model for conversations whose first message holds `about`. */
  script(about: string, script: Omit<Script, 'name' | 'matches'>): void;
  rest(person: PersonName, method: string, path: string, body?: unknown): Promise<unknown>;
  rows<Row>(text: string, params?: readonly unknown[]): Promise<Row[]>;
  /** Resolves when no hook is under way and no delivery or effect is due, leased or waiting; `of`: of these runs. */
  settled(of?: SettledOf): Promise<void>;
}

/** The runs of a project, or of one issue or merge request of it. */
export interface SettledOf {
  projectId: number;
  iid: number | null;
}
