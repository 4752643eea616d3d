/**
 * Who looks at the pages: a cookie names the session, `?as=<username>` switches it. There are no
 * passwords, so posts are guarded against other sites: Host, Origin and a token per session.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Request, Response } from 'express';
import type { Instance } from '../instance.ts';
import { findUsername } from '../state/state.ts';
import type { User } from '../state/types.ts';

const COOKIE = 'sandbox_session';
/** Oldest sessions are forgotten beyond this many. */
const MAX_SESSIONS = 1000;

export interface Session {
  user: User | null;
  /** Hidden field of every form. */
  csrf: string;
}

export interface Sessions {
  /** The session of a request; makes one, and its cookie, when there is none. */
  of(request: Request, response: Response): Session;
  /** Why a post must not be carried out, or null. */
  refusal(request: Request, session: Session): string | null;
}

export function createSessions(gl: Instance): Sessions {
  const key = randomBytes(32);
  const users = new Map<string, User | null>();
  const hosts = allowedHosts(gl.url);

  return {
    of(request, response) {
      const given = cookie(request);
      const id = given !== null && users.has(given) ? given : randomBytes(16).toString('hex');
      if (id !== given) {
        response.append('Set-Cookie', `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Strict`);
        users.set(id, null);
        const [oldest] = users.keys();
        if (users.size > MAX_SESSIONS && oldest !== undefined) users.delete(oldest);
      }
      const wanted = request.query['as'];
      const found = typeof wanted === 'string' ? findUsername(gl.state, wanted) : undefined;
      if (found) users.set(id, found);
      const csrf = createHmac('sha256', key).update(id).digest('hex');
      return { user: users.get(id) ?? null, csrf };
    },
    refusal(request, session) {
      if (!hosts.has(request.headers.host ?? '')) return 'The Host header is not of this server.';
      const origin = request.headers.origin;
      if (origin === undefined || !hosts.has(origin.replace(/^http:\/\//, ''))) {
        return 'The form was sent from another site.';
      }
      const fields = request.body as Record<string, unknown> | undefined;
      const given = Buffer.from(String(fields?.['csrf'] ?? ''));
      const right = Buffer.from(session.csrf);
      if (given.length !== right.length || !timingSafeEqual(given, right)) {
        return 'The form is out of date; reload the page.';
      }
      return session.user ? null : 'Choose a user first.';
    },
  };
}

function allowedHosts(url: string): Set<string> {
  const { host, port } = new URL(url);
  return new Set([host, `localhost:${port}`, `127.0.0.1:${port}`]);
}

function cookie(request: Request): string | null {
  const match = new RegExp(`(?:^|;\\s*)${COOKIE}=([0-9a-f]{32})`).exec(
    request.headers.cookie ?? '',
  );
  return match?.[1] ?? null;
}
