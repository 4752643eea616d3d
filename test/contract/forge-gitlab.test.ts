/** The GitLab driver against the sandbox GitLab, with its real git and its real CI engine. */
import { defineForgeContract } from './forge-contract.ts';
import { makeGitLabWorld } from './forge-gitlab-world.ts';

defineForgeContract('GitLab CE in the sandbox', () => makeGitLabWorld({ ci: true }));
