/** Gates and reviews of the GitLab driver against the sandbox GitLab, Premium edition. */
import { defineGateContract } from './forge-contract-gate.ts';
import { makeGitLabWorld } from './forge-gitlab-world.ts';

defineGateContract('GitLab EE in the sandbox', () => makeGitLabWorld({ edition: 'ee', ci: false }));
