/** Files, trees and comparisons. */
import { createHash } from 'node:crypto';
import { diff, log, mergeBase, readCommit, readFileAt, resolveCommit, tree } from '../git/read.ts';
import { lastCommitOf } from '../git/write.ts';
import { needCode, page, type Call, type Route } from '../rest/call.ts';
import { badParameter, notFound, ok } from '../rest/reply.ts';
import { commitEntity } from '../present/ci.ts';
import { diffEntity } from '../present/repository.ts';

async function needFile(call: Call) {
  const project = needCode(call);
  const path = call.params['file_path'] ?? '';
  const ref = call.input.str('ref') ?? 'HEAD';
  const sha = await resolveCommit(project.gitDir, ref === 'HEAD' ? project.defaultBranch : ref);
  if (!sha) throw notFound('Commit');
  const file = await readFileAt(project.gitDir, sha, path);
  if (!file) throw notFound('File');
  return { project, path, ref, sha, ...file };
}

export const repositoryRoutes: Route[] = [
  {
    method: 'GET',
    path: '/projects/:id/repository/files/:file_path',
    jobToken: true,
    scopes: ['read_repository'],
    handler: async (call) => {
      const file = await needFile(call);
      return ok({
        file_name: file.path.slice(file.path.lastIndexOf('/') + 1),
        file_path: file.path,
        size: file.content.length,
        encoding: 'base64',
        content_sha256: createHash('sha256').update(file.content).digest('hex'),
        ref: file.ref,
        blob_id: file.blobId,
        commit_id: file.sha,
        last_commit_id: await lastCommitOf(file.project.gitDir, file.sha, file.path),
        execute_filemode: file.mode === '100755',
        content: file.content.toString('base64'),
      });
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/files/:file_path/raw',
    jobToken: true,
    scopes: ['read_repository'],
    handler: async (call) => {
      const { content } = await needFile(call);
      return { status: 200, body: content, type: 'text/plain; charset=utf-8' };
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/tree',
    handler: async (call) => {
      const project = needCode(call);
      const ref = call.input.str('ref') ?? project.defaultBranch;
      const sha = await resolveCommit(project.gitDir, ref);
      const path = call.input.str('path') ?? '';
      const recursive = call.input.bool('recursive') ?? false;
      const rows = sha ? await tree(project.gitDir, sha, path, recursive) : null;
      if (!rows) throw notFound('Tree');
      return page(call, rows, (entry) => ({
        id: entry.id,
        name: entry.name,
        type: entry.type,
        path: entry.path,
        mode: entry.mode,
      }));
    },
  },
  {
    method: 'GET',
    path: '/projects/:id/repository/compare',
    handler: async (call) => {
      const project = needCode(call);
      const [from, to] = await Promise.all(
        ['from', 'to'].map((name) => resolveCommit(project.gitDir, call.input.need(name))),
      );
      if (!from || !to) throw notFound('Ref');
      const base = call.input.bool('straight') ? from : await mergeBase(project.gitDir, from, to);
      if (!base) throw badParameter('from and to have no common commit');
      const [commits, files, head] = await Promise.all([
        log(project.gitDir, { range: `${base}..${to}` }),
        diff(project.gitDir, base, to),
        readCommit(project.gitDir, to),
      ]);
      return ok({
        commit: head && commits.length > 0 ? commitEntity(call.gl, project, head) : null,
        commits: commits.toReversed().map((one) => commitEntity(call.gl, project, one)),
        diffs: files.map(diffEntity),
        compare_timeout: false,
        compare_same_ref: from === to,
        web_url: `${call.gl.url}/${project.path}/-/compare/${from}...${to}`,
      });
    },
  },
];
