/** Files that people and bots attach to what they write. */
import { randomBytes } from 'node:crypto';
import { needProject, needUser, type Route } from '../rest/call.ts';
import { isUploadedFile } from '../rest/form.ts';
import { badParameter, created } from '../rest/reply.ts';
import { ACCESS } from '../state/access-levels.ts';

export const uploadRoutes: Route[] = [
  {
    method: 'POST',
    path: '/projects/:id/uploads',
    handler: (call) => {
      const project = needProject(call, ACCESS.guest);
      needUser(call);
      const file = call.input.raw('file');
      if (!isUploadedFile(file)) throw badParameter('file is missing');
      const secret = randomBytes(16).toString('hex');
      // What is no plain letter becomes `_` (app/uploaders/file_uploader.rb).
      const name = file.name.replaceAll(/[^\w.-]/g, '_');
      project.uploads.push({ secret, name, bytes: file.bytes });
      const url = `/uploads/${secret}/${name}`;
      const alt = name.replace(/\.\w+$/, '');
      return created({
        id: project.uploads.length,
        alt,
        url,
        full_path: `/-/project/${project.id}${url}`,
        markdown: `![${alt}](${url})`,
      });
    },
  },
];
