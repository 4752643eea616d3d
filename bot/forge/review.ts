/** Review threads of a change: reading, opening and settling them, and what people react with. */

export interface ThreadInfo {
  id: string;
  resolved: boolean;
  /** Who resolved it; null while it is open, or where the forge does not say. */
  resolvedBy: { id: number; username: string } | null;
  /** Notes oldest first. */
  notes: { id: number; authorId: number; body: string }[];
}

/** Inline review threads of a change. */
export interface ForgeReview {
  threads(projectId: number, iid: number): Promise<ThreadInfo[]>;
  /**
   * Opens a thread on the first of the lines that the forge can address at commit `sha`; where it can
   * address none, or the change has another head by now, on the file, then on the change as a whole
   * (gitlab-facts §3.4). `body` makes the text for the place it is about to be put.
   */
  openThread(
    projectId: number,
    iid: number,
    on: ThreadLines,
    body: (place: ThreadPlace) => string,
  ): Promise<{ id: string; place: ThreadPlace }>;
  replyInThread(projectId: number, iid: number, threadId: string, body: string): Promise<void>;
  /** Resolves a thread or opens it again; it being so already is no error. */
  resolveThread(projectId: number, iid: number, threadId: string, resolved: boolean): Promise<void>;
  /** Reactions on a note of a change. */
  reactions(
    projectId: number,
    iid: number,
    noteId: number,
  ): Promise<{ name: string; user: { id: number; username: string }; at: Date }[]>;
  /** Uploads a picture for use in a note; returns the path that shows it there. */
  attach(projectId: number, name: string, png: Buffer): Promise<string>;
}

/** Lines of the new side of a change at a commit. */
export interface ThreadLines {
  path: string;
  line: number;
  /** The last one; absent where it is one line. */
  endLine?: number;
  sha: string;
}

/** Where a thread stands: on this line of the new side, on the file, or on the change. */
export type ThreadPlace = { on: 'line'; line: number } | { on: 'file' } | { on: 'change' };
