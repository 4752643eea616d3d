/** Version, the caller's own account and token, and looking users up. */
import { isActive } from '../rest/auth.ts';
import { needUser, page, type Route } from '../rest/call.ts';
import { notFound, ok, unauthorized } from '../rest/reply.ts';
import { currentUser, tokenEntity, userBasic, userPublic } from '../present/basics.ts';
import { findUser, findUsername } from '../state/state.ts';

const REVISION = '0123456789a';

export const instanceRoutes: Route[] = [
  {
    method: 'GET',
    path: '/version',
    scopes: ['read_user'],
    handler: (call) => {
      needUser(call);
      return ok({ version: call.gl.version, revision: REVISION });
    },
  },
  {
    method: 'GET',
    path: '/metadata',
    scopes: ['read_user'],
    handler: (call) => {
      needUser(call);
      return ok({
        version: call.gl.version,
        revision: REVISION,
        kas: { enabled: false, externalUrl: null, externalK8sProxyUrl: null, version: null },
        enterprise: call.gl.edition === 'ee',
      });
    },
  },
  {
    method: 'GET',
    path: '/user',
    scopes: ['read_user'],
    handler: (call) => ok(currentUser(call.gl, needUser(call))),
  },
  {
    method: 'GET',
    path: '/users',
    scopes: ['read_user'],
    handler: (call) => {
      needUser(call);
      const username = call.input.str('username');
      const found = username === undefined ? undefined : findUsername(call.gl.state, username);
      const users = username === undefined ? call.gl.state.users : found ? [found] : [];
      return page(call, users, (user) => userBasic(call.gl, user));
    },
  },
  {
    method: 'GET',
    path: '/users/:id',
    scopes: ['read_user'],
    handler: (call) => {
      needUser(call);
      const user = findUser(call.gl.state, Number(call.params['id']));
      if (!user) throw notFound('User');
      return ok(userPublic(call.gl, user));
    },
  },
  {
    method: 'GET',
    path: '/personal_access_tokens/self',
    scopes: ['read_user', 'read_repository', 'write_repository', 'self_rotate'],
    handler: (call) => {
      const token = call.caller?.token;
      if (!token || !isActive(call.gl, token)) throw unauthorized();
      return ok(tokenEntity(call.gl, token));
    },
  },
];
