/** Addresses outside the API. */
import express, { type Router } from 'express';
import type { Instance } from '../instance.ts';
import { readFileAt, resolveCommit } from '../git/read.ts';
import { findProject } from '../state/state.ts';

/** Router of pages and raw files. */
export function createPages(gl: Instance, problem: (name: string, error: unknown) => void): Router {
  const router = express.Router();
  router.use((request, response) => {
    serveRaw(gl, request.path).then(
      (content) => {
        if (content) response.type('text/plain; charset=utf-8').send(content);
        else response.status(404).type('text/plain').send('Not found\n');
      },
      (error: unknown) => {
        problem(request.path, error);
        response.status(500).type('text/plain').send('Error\n');
      },
    );
  });
  return router;
}

/** `/<path>/-/raw/<ref>/<file>` of a public project, so that `include: remote` works; else null. */
async function serveRaw(gl: Instance, path: string): Promise<Buffer | null> {
  const match = /^\/(.+?)\/-\/raw\/(.+)$/.exec(decodeURIComponent(path));
  const project = match ? findProject(gl.state, match[1] ?? '') : undefined;
  if (!match || !project || project.visibility !== 'public') return null;
  const parts = (match[2] ?? '').split('/');
  // A branch name may hold slashes: the shortest prefix that is a ref wins.
  for (let cut = 1; cut < parts.length; cut += 1) {
    const sha = await resolveCommit(project.gitDir, parts.slice(0, cut).join('/'));
    const file = sha ? await readFileAt(project.gitDir, sha, parts.slice(cut).join('/')) : null;
    if (file) return file.content;
  }
  return null;
}
