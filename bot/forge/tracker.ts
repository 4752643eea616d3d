/** Issues that belong together on a forge: an epic, its children, and what comes after what. */
import type { Issue } from '../domain/events.ts';

/** An issue as found by its label, with the text that holds the bot's marker. */
export interface FoundIssue {
  iid: number;
  url: string;
  description: string;
  open: boolean;
}

/** Issues that belong together: an epic, its children, and what comes after what. */
export interface ForgeTracker {
  /** What the tier and place of the project offer; asked of the forge, never assumed. */
  capabilities(projectId: number): Promise<{
    /** Epics exist for the group the project is in, and children can hang below them. */
    epics: boolean;
    /** One issue can be said to wait for another. */
    blocking: boolean;
  }>;
  /** Those of these issues that exist and the bot may read. */
  issues(projectId: number, iids: readonly number[]): Promise<Issue[]>;
  /** Open issues that are not confidential, the newest first. */
  openIssues(projectId: number, most: number): Promise<Issue[]>;
  /** Issues by one author with a label, open or closed, newest first. */
  findIssues(projectId: number, by: { label: string; authorId: number }): Promise<FoundIssue[]>;
  createIssue(
    projectId: number,
    issue: { title: string; description: string; labels: readonly string[] },
  ): Promise<{ iid: number; url: string }>;
  /** The epic of the project's group whose text holds the marker, among the author's newest. */
  findEpic(
    projectId: number,
    by: { marker: string; author: string },
  ): Promise<{ id: string; url: string } | null>;
  /** @throws ForgeError `denied` when the bot may not make epics there */
  createEpic(
    projectId: number,
    epic: { title: string; description: string },
  ): Promise<{ id: string; url: string }>;
  /**
   * Links an issue: `child` below an epic, `related` to another issue, `after` another one. Linked so
   * already counts as done.
   */
  link(
    projectId: number,
    iid: number,
    to: { as: 'child'; epic: string } | { as: 'related' | 'after'; iid: number },
  ): Promise<void>;
}
