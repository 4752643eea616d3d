/** Gates and reviews of the GitLab driver against the sandbox GitLab, Free edition. */
import { defineGateContract } from './forge-contract-gate.ts';
import { makeGitLabWorld } from './forge-gitlab-world.ts';

defineGateContract('GitLab CE in the sandbox', () => makeGitLabWorld({ edition: 'ce', ci: false }));
