/** Records of what holds issues together: epics of groups, and links. */

/** A group's epic: Premium and up, a work item of its own kind. */
export interface Epic {
  id: number;
  iid: number;
  /** Full path of the group. */
  group: string;
  title: string;
  description: string | null;
  authorId: number;
  /** Ids of the issues below it. */
  children: number[];
  createdAt: string;
}

/** By ids, not iids; `blocks` says that the target waits for the source. */
export interface IssueLink {
  id: number;
  sourceId: number;
  targetId: number;
  type: 'relates_to' | 'blocks';
  createdAt: string;
}
